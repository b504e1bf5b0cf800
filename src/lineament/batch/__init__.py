"""Any number of photographs on the cores of this machine, or on those of a cluster.

What is to be done is a value that travels (:class:`AlignerOptions`), work goes on in processes that may be
lost (:mod:`lineament.batch.pool`), and what is done is written down at once (:mod:`lineament.batch.journal`).
:mod:`lineament.batch.job` does the same with Ray, by parts; nothing else here needs it.
"""

from lineament.batch.journal import Journal, JournalEntry
from lineament.batch.options import AlignerOptions
from lineament.batch.pool import WorkerLost, run_in_order

__all__ = ["AlignerOptions", "Journal", "JournalEntry", "WorkerLost", "run_in_order"]
