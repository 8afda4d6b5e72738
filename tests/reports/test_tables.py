"""Tables in csv, Markdown and LaTeX: what is written, and that no name can be more than a name."""

import csv
import io
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from sabotage.reports.tables import Cell, Table, rounded, span, to_csv, to_latex, to_markdown

from sabotage import SabotageError
from sabotage.errors import printable

HOSTILE = (
    "<script>alert(1)</script>", "=cmd()", "a|b", "a\\|b", "\\", "**", "_x_", "`x`", "a\nb", "-1+1", "[x](javascript:y)",
    "![x](http://y)", "[a][b]", "&lt;", "--", "---", "100%", "$x$", "~~x~~", "\\input{x}", "^2", "#1", "{", "[1]", "\t=1", "\x1b[31m",
    " ", "", "1.", "+ x", "@x", "\r\n", "\uff1dx", "x\\", "</td>", "http://x.org", "\u2028", "\ud800",
)  # fmt: skip
texts = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=12), st.text(alphabet="\\|*_`<>[]()!&-=+@\n{}$~^#%a ", max_size=12)
)
LATEX = re.compile(
    r"\\(?P<name>[a-z]+)\{\}|\\(?P<special>[&%$#_{}])|(?P<hyphen>-)\{\}(?=-)|(?P<plain>[^\\&%$#_{}~^<>|`])"
)
PLAIN = {
    "textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textless": "<", "textgreater": ">",
    "textbar": "|", "textasciigrave": "`",
}  # fmt: skip


def shown(text):
    """Return what a text comes out as: on one line, no control characters."""
    return printable(text).replace("\n", "\\n").strip()


def unescaped(text):
    """Read LaTeX back; None where a special character is not escaped."""
    out, at = "", 0
    while at < len(text):
        found = LATEX.match(text, at)
        if found is None or text.startswith("--", at):
            return None
        out += PLAIN[found["name"]] if found["name"] else found["special"] or found["hyphen"] or found["plain"]
        at = found.end()
    return out


def of_names(names, bold=False):
    """Make a table of names alone, two columns."""
    return Table(("rule", names[0]), tuple((Cell(name, name, bold), Cell("1", 1)) for name in names))


small = Table(
    ("rule", "accuracy", "95 % interval", "n"),
    (
        (Cell("weighted_mean", "weighted_mean"), Cell("0.735", 0.734512, True), Cell("-", None), Cell("1,200", 1200)),
        (Cell("max", "max"), Cell("-0.010 [-0.020, 0.000]", -0.01), Cell("-", None), Cell("-", None)),
    ),
    "Rules & scores",
    ("50 % of *all* examples.",),
)


def test_csv_is_as_it_was():
    assert to_csv(small) == "rule,accuracy,95 % interval,n\nweighted_mean,0.734512,,1200\nmax,-0.01,,\n"


def test_markdown_is_as_it_was():
    assert to_markdown(small) == (
        "Rules &amp; scores\n\n"
        "| rule           |               accuracy | 95 % interval |     n |\n"
        "| -------------- | ---------------------: | ------------- | ----: |\n"
        "| weighted\\_mean |              **0.735** | -             | 1,200 |\n"
        "| max            | -0.010 [-0.020, 0.000] | -             |     - |\n\n"
        "50 % of \\*all\\* examples.\n"
    )


def test_latex_is_as_it_was():
    assert (
        to_latex(small)
        == r"""\begin{table}
\centering
\caption{Rules \& scores}
\begin{tabular}{lrlr}
\toprule
rule & accuracy & 95 \% interval & n \\
\midrule
weighted\_mean & \textbf{0.735} & - & 1,200 \\
max & $-$0.010 [$-$0.020, 0.000] & - & - \\
\bottomrule
\end{tabular}
\par{\footnotesize 50 \% of *all* examples.\par}
\end{table}
"""
    )


def test_latex_wider_than_a_line_has_its_intervals_below():
    names = ("rule", "balanced accuracy", "p", "area under the whole curve", "verdict")
    rows = (
        (Cell("a [0, 1]", "a [0, 1]"), Cell("-0.01 [-0.02, 0.00]", -0.01, True), Cell("2.5e-14", 2.5e-14)),
        (Cell("b", "b"), Cell("-", None), Cell("0.5", 0.5)),
    )
    ends = ((Cell("0.50 [0.40, 0.60]", 0.5), Cell("helpful", "helpful", True)), (Cell("-", None), Cell("-", None)))
    table = Table(names, tuple(row + end for row, end in zip(rows, ends, strict=True)), notes=("From -1.5 on.",))
    assert (
        to_latex(table)
        == r"""\begin{table*}
\centering
\footnotesize
\setlength{\tabcolsep}{4pt}
\begin{tabular}{lrrrl}
\toprule
 & balanced &  & area under the &  \\
rule & accuracy & p & whole curve & verdict \\
\midrule
a [0, 1] & \textbf{$-$0.01} & 2.5$\times 10^{-14}$ & 0.50 & \textbf{helpful} \\
 & {\scriptsize [$-$0.02, 0.00]} &  & {\scriptsize [0.40, 0.60]} &  \\
\addlinespace[2pt]
b & - & 0.5 & - & - \\
\bottomrule
\end{tabular}
\par{\footnotesize From $-$1.5 on.\par}
\end{table*}
"""
    )


def test_numbers_keep_their_precision_in_csv():
    values = (0.1 + 0.2, 1e-300, 12345678901234567890, -0.5, 3)
    table = Table(("x",), tuple((Cell("", value),) for value in values))
    read = [row[0] for row in csv.reader(io.StringIO(to_csv(table)))][1:]
    assert [float(text) for text in read] == [float(value) for value in values]
    assert read[2:] == ["12345678901234567890", "-0.5", "3"]


@settings(max_examples=300, deadline=None)
@given(st.lists(texts, min_size=1, max_size=4))
@example(list(HOSTILE))
def test_csv_reads_back_and_runs_nothing(names):
    lines = list(csv.reader(io.StringIO(to_csv(of_names(names)), newline="")))
    assert [len(line) for line in lines] == [2] * (len(names) + 1)
    for name, (read, _) in zip(names, lines[1:], strict=True):
        assert read.removeprefix("'") == printable(name).removeprefix("'")
        is_number = re.fullmatch(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?", read)
        assert not read.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d")) or is_number


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("-1.5", "-1.5"),
        ("+2e3", "+2e3"),
        ("-1+1", "'-1+1"),
        ("=1", "'=1"),
        ("-", "'-"),
        ("\t=1", "'\\t=1"),
        ("a=1", "a=1"),
    ],
)
def test_texts_that_a_spreadsheet_would_run_are_quoted(text, written):
    assert to_csv(Table((text,), ())) == f"{written}\n"


@settings(max_examples=300, deadline=None)
@given(st.lists(texts, min_size=1, max_size=4), st.booleans())
@example(list(HOSTILE), True)
def test_markdown_shows_names_as_they_are(names, bold):
    text = to_markdown(of_names(names, bold))
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines()} == {3}
    assert len(text.splitlines()) == len(names) + 2
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    cells = [token for token in tokens if token.type == "inline"]
    kinds = {child.type for cell in cells for child in cell.children}
    assert kinds <= {"text", "text_special", "strong_open", "strong_close"}
    read = ["".join(child.content for child in cell.children) for cell in cells]
    assert read[2::2] == [shown(name) for name in names]
    assert read[1] == shown(names[0])
    is_bold = [any(child.type == "strong_open" for child in cell.children) for cell in cells[2::2]]
    assert is_bold == [bold and bool(shown(name)) for name in names]


@settings(max_examples=300, deadline=None)
@given(texts)
def test_a_note_in_markdown_is_a_paragraph(note):
    text = to_markdown(Table(("x",), (), caption=note, notes=(note,)))
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    blocks = [token.type for token in tokens if token.level == 0 and token.nesting >= 0]
    paragraph = ["paragraph_open"] * bool(shown(note))
    assert blocks == [*paragraph, "table_open", *paragraph]


@settings(max_examples=300, deadline=None)
@given(st.lists(texts, min_size=1, max_size=4), st.booleans())
@example(list(HOSTILE), True)
def test_latex_has_no_special_that_is_not_escaped(names, bold):
    lines = to_latex(of_names(names, bold)).splitlines()
    body = lines[lines.index(r"\midrule") + 1 : lines.index(r"\bottomrule")]
    assert len(body) == len(names)
    for name, line in zip(names, body, strict=True):
        text = line.removesuffix(r" & 1 \\")
        assert text != line
        assert not text.lstrip().startswith(("[", "*"))
        text = text.removeprefix("{}")
        if bold and shown(name):
            text = re.fullmatch(r"\\textbf\{(.*)\}", text)[1]
        assert unescaped(text).strip() == shown(name)


def test_a_row_must_be_as_long_as_the_headings():
    with pytest.raises(SabotageError, match="row 2 of the table must have 1 cells, one a heading: found 2"):
        Table(("x",), ((Cell("1", 1),), (Cell("1", 1), Cell("2", 2))))


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.734512, 0.0123, "0.735"),
        (0.734512, 0.00996, "0.735"),
        (0.734512, 0.00994, "0.7345"),
        (0.734512, 0.000001, "0.7345"),
        (0.734512, 0.2, "0.73"),
        (0.734512, 12.0, "0.73"),
        (0.734512, None, "0.735"),
        (0.734512, 0.0, "0.735"),
        (-0.00001, 0.01, "0.000"),
        (123.456789, 0.05, "123.457"),
    ],
)
def test_rounding_by_the_error(value, error, text):
    assert rounded(value, error) == text
    assert rounded(value, error, signed=True) == (text if text.startswith("-") else f"+{text}")


def test_spans():
    assert span(0.734512, (0.7111, 0.7581)) == "0.735 [0.711, 0.758]"
    assert span(0.734512, None) == "0.735"
    assert span(0.0123, (-0.0031, 0.0271), signed=True) == "+0.012 [-0.003, +0.027]"
    assert span(0.0, (0.0, 0.0), signed=True) == "+0.000 [+0.000, +0.000]"


@settings(max_examples=200, deadline=None)
@given(st.floats(-1e3, 1e3), st.floats(1e-9, 10))
def test_rounding_loses_no_more_than_a_twentieth_of_the_error(value, error):
    text = rounded(value, error)
    decimals = len(text.partition(".")[2])
    assert 2 <= decimals <= 4
    assert abs(float(text) - value) <= max(0.05 * error, 0.5 * 10**-4) * 1.01 + 1e-9
    assert text == f"{float(text) + 0.0:.{decimals}f}"
