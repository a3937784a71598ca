"""Backups and restores of a stack that runs, on whatever cluster: Jobs made from the CronJobs that the stack's program describes."""
