"""The component resources of a Portus stack; each package owns one part and shows the others typed attributes only."""
