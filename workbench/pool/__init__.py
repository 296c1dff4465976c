"""Loaded engines at work for many streams: order, batches, priority, health."""

from workbench.pool.call import Call, Deliver, Reply
from workbench.pool.pool import Pool
from workbench.pool.results import Results
from workbench.pool.stage import Stage
from workbench.pool.statistics import PoolStatistics

__all__ = ["Call", "Deliver", "Pool", "PoolStatistics", "Reply", "Results", "Stage"]
