"""Decision contracts: what may be sent, which rulesets decide it, and which version is in force.

What must stay true: a version never changes after it was saved; at most one version of a name is in force;
a contract is saved only when every ruleset it names compiles against its input schema.
"""
