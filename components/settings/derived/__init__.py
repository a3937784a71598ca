"""What follows from the settings: where the network policies let a workload connect, what its Pods get."""
