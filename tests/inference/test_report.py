import re
from html.parser import HTMLParser

import pytest

from fewtext.inference.classifier import FewShotClassifier

EVIL = "<script>alert('x')</script> & \u202eevil\u0007 $\\frac{1}$ 🎉"


@pytest.fixture(scope="module")
def report(minilm):
    texts = ["where is it", "not here yet", "money back", "a return please", EVIL, EVIL + "!"]
    labels = ["track", "track", "refund", "refund", "<b>bold</b>", "<b>bold</b>"]
    return FewShotClassifier(minilm).fit(texts, labels).diagnose(["<i>what</i> is this", "hello"])


def test_the_table(report):
    table = str(report)
    assert "6 examples of 3 classes; expected accuracy" in table and "to label next" in table
    assert all(line.isprintable() for line in table.split("\n"))


def test_data_frames(report):
    assert list(report.to_frame().columns) == ["label", "examples", "precision", "recall", "f1", "need"]
    assert len(report.to_frame()) == 3 and len(report.to_frame("doubtful")) == 6
    assert set(report.to_frame("next_texts")["text"]) == {"<i>what</i> is this", "hello"}
    with pytest.raises(ValueError, match="part is 'all'"):
        report.to_frame("all")


@pytest.mark.parametrize("draw", ["plot_confusion", "plot_attention", "plot_map"])
def test_pictures(report, tmp_path, draw):
    file = getattr(report, draw)(tmp_path / "picture.png")
    assert file.read_bytes().startswith(b"\x89PNG") and file.stat().st_size > 5000


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.sources = set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]


def test_the_page_is_whole_and_every_text_in_it_is_escaped(report, tmp_path):
    page = report.to_html(tmp_path / "report.html").read_text(encoding="utf-8")
    found = Tags()
    found.feed(page)
    assert not found.tags & {"script", "b", "i", "link", "iframe"}
    assert len(found.sources) == 3 and all(source.startswith("data:image/png;base64,") for source in found.sources)
    assert "&lt;script&gt;" in page and "&lt;b&gt;bold&lt;/b&gt;" in page and "<bdi>" in page
    assert re.search(r"Expected accuracy \d+\.\d ± \d+\.\d %", page)


def test_the_page_needs_no_matplotlib(report, tmp_path, monkeypatch):
    monkeypatch.setattr("fewtext.inference.report.find_spec", lambda name: None)
    page = report.to_html(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<img" not in page and "No pictures: matplotlib is not installed" in page and "Expected accuracy" in page
