"""The training engine: one run, whatever is trained.

Every epoch is a function of the seed and the epoch's number (`randomness.py`, `batches.py`), and a run goes
on from its last whole epoch (`checkpoints.py`). Killed at any moment and resumed, it has the same weights,
bit for bit on a CPU.
"""

from radscribe.training.engine.batches import loader
from radscribe.training.engine.folder import begin, finish
from radscribe.training.engine.processes import gathered, is_main
from radscribe.training.engine.run import fit

__all__ = ["begin", "finish", "fit", "gathered", "is_main", "loader"]
