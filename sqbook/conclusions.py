"""What to believe: the paper's conclusions, claim by claim, with the verdicts of a build."""

from pathlib import Path

from sqbook.headlines import headlines
from sqbook.scorecard import ENDS, decisive
from sqbook.site.pages import render
from sqlib.errors import in_words
from sqlib.judge.claims import claims, number, rule
from sqlib.show.records import read_records


def conclusions_page(run_folders: dict[str, Path]) -> str:
    """Markdown of the closing page from the runs of a build ({chapter: run folder}); `SqError` for no records."""
    found = {name: record for folder in run_folders.values() for name, record in read_records(folder).items()}
    judged = {}
    with in_words("the records of this build cannot be judged", "run the notebooks again"):
        for name, one in claims().iterrows():
            record = found.get(f"claim-{name}")
            own, second = decisive(one["tests"], record)
            judged[name] = {**one[["statement", "short", "where", "tests"]], "tried": record is not None,
                            "verdict": own.get("verdict"), "note": own.get("note", ""), "rule": rule(name, second),
                            "number": number(*map(own.get, ENDS))}
    simulated = any(record["simulated"] for name, record in found.items() if name.startswith("claim-"))
    return render("what_to_believe.md", claims=judged, records=found, simulated=simulated, chapters=list(run_folders),
                  share=headlines(run_folders).get("ap_share_of_ideal"))
