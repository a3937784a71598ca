"""Stack file, report and plan."""
