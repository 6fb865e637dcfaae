"""Background work: jobs, their progress and cancellation, a thread runner and a process runner. No Qt."""
