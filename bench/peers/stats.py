"""The power of statsmodels' procedure on simulated sweeps: `stats.py FLIPS.tsv`, a line an arm:
sweep, planted (1 or 0), fixed, broken. Prints the share of planted arms with a Benjamini-Hochberg q below
0.05 and more fixed than broken."""
import itertools
import sys

from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

p_of = {}


def p_value(fixed, broken):
    if (fixed, broken) not in p_of:
        p_of[fixed, broken] = mcnemar([[0, broken], [fixed, 0]], exact=True).pvalue if fixed + broken else 1.0
    return p_of[fixed, broken]


rows = (tuple(map(int, line.split("\t"))) for line in open(sys.argv[1], encoding="ascii"))
planted = found = 0
for _, group in itertools.groupby(rows, key=lambda row: row[0]):
    arms = list(group)
    q_values = multipletests([min(1.0, p_value(a[2], a[3])) for a in arms], method="fdr_bh")[1]
    for (_, is_planted, fixed, broken), q in zip(arms, q_values):
        planted += is_planted
        found += is_planted and q < 0.05 and fixed > broken
print(found / planted)
