"""Several processes that train one network: rows dealt out, statistics summed, gradients averaged.

    shard.py    which rows of a batch are played here, and random numbers that do not depend on it
    store.py    the store that all of them reach
    world.py    what processes do together; one process alone
    several.py  the same over torch.distributed
    meeting.py  how processes find each other, and part
    joined.py   processes that another loop has brought together
    norm.py     batch norms with the statistics of the whole batch
    divided.py  weights, gradients and optimizer divided among them

May import `typing` and `logits`. In: tensors of one process. Out: what they are over all.
"""

from robustdial.distributed.divided import divide, divided_as, gathered, is_divided, whole
from robustdial.distributed.meeting import Meeting, restarted, started_together
from robustdial.distributed.norm import meets, synchronised
from robustdial.distributed.several import Several, by_the_model, world_at_hand
from robustdial.distributed.shard import Shard, drawn, sharded
from robustdial.distributed.world import ALONE, Alone, World

__all__ = [
    "ALONE",
    "Alone",
    "Meeting",
    "Several",
    "Shard",
    "World",
    "by_the_model",
    "divide",
    "divided_as",
    "drawn",
    "gathered",
    "is_divided",
    "meets",
    "restarted",
    "sharded",
    "started_together",
    "synchronised",
    "whole",
    "world_at_hand",
]
