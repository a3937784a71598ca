"""What goes into the images ``localhost/portus-lab``: a contract double of Portus, never Portus itself."""
