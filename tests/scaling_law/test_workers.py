"""Jobs side by side: every result once, one core each, and an end when one fails."""

import threading

import pytest
import torch

from baselines.scaling_law.workers import side_by_side


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_every_job_is_done_once_on_one_core(threads):
    before = torch.get_num_threads()

    def work(job: int, stop: threading.Event) -> tuple[int, int]:
        return job**2, torch.get_num_threads()

    found = dict(side_by_side(range(7), work, threads))
    assert found == {job: (job**2, 1) for job in range(7)}
    assert torch.get_num_threads() == before


def test_two_jobs_run_at_the_same_time():
    meeting = threading.Barrier(2, timeout=20)  # nobody passes alone

    def work(job: int, stop: threading.Event) -> int:
        meeting.wait()
        return job

    assert dict(side_by_side(range(4), work, 2)) == {job: job for job in range(4)}


def test_a_failure_stops_the_others():
    begun, told = [], []

    def work(job: int, stop: threading.Event) -> None:
        begun.append(job)
        if job == 1:
            raise ZeroDivisionError
        told.append(stop.wait(20))

    with pytest.raises(ZeroDivisionError):
        list(side_by_side(range(50), work, 2))
    assert told and all(told), "the job beside it was told to stop"
    assert len(begun) < 50, "the others never began"
