"""The training engine: runs of encoders and decoders."""

from radscribe.training.engine.batches import loader
from radscribe.training.engine.folder import begin, finish
from radscribe.training.engine.loop import Fitted, Reporter, Task, fit
from radscribe.training.engine.processes import gathered, is_main, joined

__all__ = ["Fitted", "Reporter", "Task", "begin", "finish", "fit", "gathered", "is_main", "joined", "loader"]
