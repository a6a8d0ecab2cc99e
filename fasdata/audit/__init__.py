"""Audits: what could make a result on a manifest dishonest."""
