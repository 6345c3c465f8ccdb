import logging

from fewtext.training.checkpoints import last_complete_checkpoint


def test_the_newest_whole_checkpoint_is_taken(tmp_path, caplog):
    assert last_complete_checkpoint(tmp_path) is None
    for step, whole in ((9, True), (10, True), (100, False)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        if whole:
            (folder / "complete").write_text("")
    with caplog.at_level(logging.WARNING):
        assert last_complete_checkpoint(tmp_path) == str(tmp_path / "checkpoint-10")
    assert "checkpoint-100 was cut off" in caplog.text
