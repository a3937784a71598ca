"""What an operator runs on a deployed stack: check, diagnose, back up, restore, collect garbage, export."""
