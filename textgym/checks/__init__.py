"""Checks of rewards, tasks and data before anything is trained."""
