"""The suite's own checks."""

from bench import check_method


def test_all_checks_pass() -> None:
    failed = [f"{result.title}: {result.detail}" for result in check_method("my-method") if result.status == "fail"]
    assert not failed, "\n".join(failed)
