"""Execution modes of blocks of steps: eager, compiled, captured or checkpointed."""
