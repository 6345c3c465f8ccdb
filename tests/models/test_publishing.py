from hub_client import LABELS, SHOW, TEXTS, run
from hub_server import Fault, hub


def test_the_model_alone(tmp_path, encoder_folder):
    with hub(tmp_path / "hub", token="secret") as server:
        check(server, tmp_path, encoder_folder)


def check(server, tmp_path, encoder_folder):
    code = f"model = MatchingNetwork.from_encoder({str(encoder_folder)!r}, context='lstm', context_size=8)\n"
    run(server, tmp_path, code + "model.push_to_hub('me/model', commit_message='first')\nprint(1)")
    [commit] = server.commits
    assert commit["message"] == "first" and "support.safetensors" not in commit["files"]
    load = "clf = FewShotClassifier.from_pretrained('me/model')\n"
    message = run(server, tmp_path, load + "clf.predict(['a'])", cache="other", fails=True)
    assert "no examples yet; call fit(texts, labels) first" in message
    found = run(server, tmp_path, load + f"clf.fit({TEXTS}, {LABELS})\n" + SHOW, cache="other")
    assert found[0] == ["refund", "track"]


def test_a_tokenizer_that_could_not_be_fetched_is_not_taken_for_none(tmp_path, encoder_folder):
    with hub(tmp_path / "hub", token="secret") as server:
        code = f"model = MatchingNetwork.from_encoder({str(encoder_folder)!r})\nmodel.push_to_hub('me/model')\n"
        run(server, tmp_path, code + "model.tokenizer = None\nmodel.push_to_hub('me/bare')\nprint(1)")
        load = "print(json.dumps([MatchingNetwork.from_pretrained(name).tokenizer is None for name in NAMES]))"
        server.faults += [Fault("GET", "tokenizer.json")] * 12
        message = run(server, tmp_path, load.replace("NAMES", "['me/model']"), cache="other", fails=True)
        assert "ConnectionError: the tokenizer of me/model was not fetched; try again" in message
        server.faults.clear()
        assert run(server, tmp_path, load.replace("NAMES", "['me/model', 'me/bare']"), cache="other") == [False, True]
