"""What to tell the user when a job ended."""

from __future__ import annotations

import logging

from mammoviewer.base.errors import MammoViewerError
from mammoviewer.base.notices import Notice, Severity
from mammoviewer.jobs.job import Job, JobState

_LOGGER = logging.getLogger(__name__)


def notice_of(job: Job) -> Notice | None:
    """Return the notice for a failed job, None when there is nothing to say.

    An expected failure is told with its hint. Anything else is a defect: it goes to the log with its traceback, and
    the user learns that the work did not finish.
    """
    if job.state is not JobState.FAILED or job.error is None:
        return None
    if isinstance(job.error, MammoViewerError):
        return Notice.from_error(job.error)
    _LOGGER.error("%s failed", job.name, exc_info=job.error)
    return Notice(Severity.ERROR, f"{job.name} stopped because of a defect", "the log tells more (Help > Log)")
