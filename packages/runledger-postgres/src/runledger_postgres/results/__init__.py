"""
Wait for the results of jobs and workflows.

`job_handle` and `workflow_run_handle` are for hosts, over a blocking pool or an asyncio
one. The rest is for whoever brings another event loop: drive `waiting`, do what it asks
for, and let `thread_listener` wake it.
"""

from ._asyncio import AsyncJobHandle, AsyncWorkflowRunHandle
from ._blocking import JobHandle, WorkflowRunHandle
from ._ends import (
    Result,
    find_job_result,
    find_run_result,
    get_existing_job,
    get_existing_run,
    get_job_status,
    get_run_status,
    register_result_waiter,
)
from ._handles import job_handle, workflow_run_handle
from ._listener_thread import ThreadListener, thread_listener
from ._wait import Look, Pause, Register, Waiting, WaitStep, waiting

__all__ = [
    "AsyncJobHandle",
    "AsyncWorkflowRunHandle",
    "JobHandle",
    "Look",
    "Pause",
    "Register",
    "Result",
    "ThreadListener",
    "WaitStep",
    "Waiting",
    "WorkflowRunHandle",
    "find_job_result",
    "find_run_result",
    "get_existing_job",
    "get_existing_run",
    "get_job_status",
    "get_run_status",
    "job_handle",
    "register_result_waiter",
    "thread_listener",
    "waiting",
    "workflow_run_handle",
]
