"""Metrics as pure functions of scores and labels (1 = bona fide; a sample is accepted when score >= threshold).

The same conventions hold in every file here, except where one replicates a reference repository (`hfn`, `gac`,
`legacy`, `live_rejection`) and says otherwise:

* equal scores are one threshold: no order among ties is ever assumed;
* a rate of a class without samples is NaN, and so is all that is built on it; NaN and label errors are `UserError`;
* an infinite score is ordered like any other: -inf is a sample that is never accepted, as a failure to acquire is;
* nothing is interpolated: every rate reported is one that some threshold gives.
"""
