"""Checks of rewards, tasks and data before anything is trained, and of what trains (`textgym.checks.doctor`)."""
