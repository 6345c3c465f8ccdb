from fewtext.data.ids import example_id


def test_an_id_depends_on_text_and_label():
    assert len({example_id(text, label) for text in "ab" for label in "cd"}) == 4
    assert example_id("where is my card", "card arrival") == "4da019990dd53c44"
