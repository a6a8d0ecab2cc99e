"""The ledger of claims: every file, what a claim carries, what contradicts it, and every form."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from fasdata.errors import UserError
from fastrain.claims.published import Claim, disagreements, load_published
from fastrain.claims.text import claims_text
from tests.commands import Called


def test_published_numbers_are_whole() -> None:
    results = load_published()
    ours = {(result.method, result.protocol): result for result in reversed(results)}  # the first of several
    assert len(results) > len(ours) > 100
    assert ours["hfn_mp", "mcio:CIO2M"].hter == pytest.approx(0.0524) and not ours["hfn_mp", "mcio:CIO2M"].verified
    gac = ours["gac_fas", "mcio:CIM2O"]
    assert (gac.hter, gac.auc, gac.hter_sd) == pytest.approx((0.0860, 0.9716, 0.0028))
    assert ours["mmdgfas", "mm:PSW2C"].auc == pytest.approx(0.9805)
    assert all(result.threshold and result.selection and result.source and result.checked for result in results)
    table = [result for result in results if result.quoted_in == "Le and Woo 2024"]
    assert len({result.method for result in table}) == 17
    assert len(table) * 2 == 136 and all(result.auc is not None for result in table)
    ebdg = ours["EBDG", "mcio:CIM2O"]
    assert (ebdg.hter, ebdg.auc) == pytest.approx((0.1566, 0.9202)) and ebdg.name == "EBDG (Le and Woo 2024)"
    # A paper tells how it selected its own checkpoints, not how those were that it quotes.
    stated = {result.method for result in table if result.selection != "not stated"}
    assert stated == {"gac_fas"} and gac.selection == "mean_last_10"
    assert all(result.selection != "not stated" for result in results if result.quoted_in == "Srivatsan et al. 2023")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"verified": "perhaps"}, "verified"),
        ({"rows": [{"method": "x", "protocol": "CIO-M", "hter": 400}]}, "hter"),
        ({"rows": [{"method": "x", "protocol": "CIO-M", "auc": 99}]}, "has no number; expected hter or acer"),
    ],
)
def test_a_damaged_table_is_told_in_one_line(tmp_path: Path, change: dict, words: str) -> None:
    whole = {
        "paper": "p",
        "quoted_in": "q",
        "source": "s",
        "verified": True,
        "selection": "x",
        "threshold": "y",
        "own": [],
        "rows": [],
    }
    (tmp_path / "a.yaml").write_text(yaml.safe_dump({**whole, **change}))
    with pytest.raises(UserError, match=words):
        load_published(tmp_path)


def claims_on(protocol: str, method: str) -> list[Claim]:
    return [claim for claim in load_published() if (claim.protocol, claim.method) == (protocol, method)]


def test_a_claim_says_whose_it_is_and_who_quotes_it() -> None:
    first, second = claims_on("mm:PSW2C", "CMFL")
    assert (first.quoted_in, first.row, first.standing) == ("Zhang and Li 2025", "ResNet + CMFL", "")
    assert first.verified and first.hter == pytest.approx(0.0224)
    assert (second.quoted_in, second.second_hand, second.verified) == ("PA-FAS 2026", True, False)
    assert first.paper == second.paper == ""  # neither table says which paper of CMFL it means
    own = claims_on("mm:PSW2C", "mmdgfas")[0]
    assert own.year == 2025 and own.paper.startswith("Zhang and Li") and own.selection == "best on the target (oracle)"
    (face,) = claims_on("mcio:CIM2O", "FaceCoT")
    assert (face.hter, face.auc) == pytest.approx((0.0281, 0.9963))
    assert (face.year, face.recipe) == (2026, "the authors' own")
    assert face.name == "FaceCoT (second-hand)" and second.name == "CMFL (PA-FAS 2026; second-hand)"
    assert {claim.recipe for claim in claims_on("mcio:CIO2M", "FLIP-MCL")} == {"", "with CelebA-Spoof"}
    assert [claim.acer for claim in claims_on("oulu:P1", "CDCN++")] == [pytest.approx(0.002)]


def test_every_recent_claim_is_marked_as_second_hand() -> None:
    recent = [claim for claim in load_published() if claim.method in ("FaceCoT", "I-FAS", "CFPL", "PA-FAS", "DADM")]
    assert len(recent) == 16 and {claim.standing for claim in recent} == {"second-hand"}
    rates = {(claim.method, claim.protocol): (claim.hter, claim.auc) for claim in recent}
    assert rates["DADM", "mm:CPW2S"] == pytest.approx((0.0692, 0.9766))
    assert rates["PA-FAS", "mm:CSW2P"] == pytest.approx((0.0948, 0.9450))
    assert rates["CFPL", "mcio:CIO2M"] == (pytest.approx(0.0309), None)


def test_claims_that_agree_are_no_contradiction() -> None:
    assert not disagreements(claims_on("mcio:CIO2M", "FLIP-MCL"))  # quoted twice, 4.95 both times
    (words,) = disagreements(claims_on("mm:CPS2W", "MMDG"))
    assert words == (
        "MMDG on mm:CPS2W: 2 claims of HTER from 12.79 to 14.02 %, 1.23 points apart "
        "(14.02 in a replication report, 12.79 in Zhang and Li 2025)"
    )


def test_the_command_prints_the_ledger_in_every_form(tmp_path: Path) -> None:
    text = Called("fastrain", "claims", "PSW-C").out
    assert text.startswith("Published claims on mm:PSW2C: ") and "CMFL on mm:PSW2C: 2 claims of HTER" in text
    assert "Numbers of different recipes" in text and "PA-FAS 2026: PA-FAS, AAAI 2026 (quoted second-hand" in text
    one_method = Called("fastrain", "claims", "--method", "facecot").out
    assert one_method.startswith("Published claims: 4\n") and one_method.count("FaceCoT  ") == 4
    markdown = claims_text("PSW-C", form="md")
    assert len({line.count(" | ") for line in markdown.splitlines() if line.startswith("| ")}) == 1
    assert "figure of experiments: ResNet + CMFL" in markdown
    out = tmp_path / "deep" / "claims.html"
    assert Called("fastrain", "claims", "--format", "html", "--out", out).out.strip() == f"claims: {out}"
    page = out.read_text()
    assert "Claims that contradict each other" in page and "<script" not in page and page.count("<table") > 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--method", "FaceCod"], "did you mean 'FaceCoT'?"),
        (["CIO-M", "--format", "pdf"], "form of the ledger"),
        (["oulu:P3.1"], "no claim on oulu:P3.1; found"),
        (["X2Y"], "X2Y"),
    ],
)
def test_what_the_ledger_has_not_is_told_in_one_line(arguments: list[str], words: str) -> None:
    assert words in Called("fastrain", "claims", *arguments).line
