"""The one door for text from outside: JSON, YAML, CSV and parquet come in here, with limits on size and depth.

Whatever is wrong with a file ends in one line that names it. Nothing is run, unpickled, or believed before its form was
checked; regular expressions run under a time limit. The files are chapters; everybody else imports from here.
Files of weights come in by `weight_files` and `states`, which are imported by name: they need torch. Networks of others
run in `graphs`.
"""

from fasdata.foreign.cells import (
    LARGEST_TABLE,
    csv_cells,
    csv_rows,
    first_lines,
    read_csv_cells,
    read_csv_rows,
    read_table,
    whole_number,
)
from fasdata.foreign.opening import Unreadable, opened, read_bytes, read_text, text_of
from fasdata.foreign.parquet import read_parquet, read_parquet_notes
from fasdata.foreign.patterns import Expression, ForeignPattern, expression, placed, why_no_expression
from fasdata.foreign.schema import first_problem, key_paths, read_declared, short, validated
from fasdata.foreign.sheets import read_sheet, sheet_text
from fasdata.foreign.trees import json_of, quick_json, read_json, read_json_object, read_yaml, yaml_of

__all__ = [
    "LARGEST_TABLE",
    "Expression",
    "ForeignPattern",
    "Unreadable",
    "csv_cells",
    "csv_rows",
    "expression",
    "first_lines",
    "first_problem",
    "json_of",
    "key_paths",
    "opened",
    "placed",
    "quick_json",
    "read_bytes",
    "read_csv_cells",
    "read_csv_rows",
    "read_declared",
    "read_json",
    "read_json_object",
    "read_parquet",
    "read_parquet_notes",
    "read_sheet",
    "read_table",
    "read_text",
    "read_yaml",
    "sheet_text",
    "short",
    "text_of",
    "validated",
    "whole_number",
    "why_no_expression",
    "yaml_of",
]
