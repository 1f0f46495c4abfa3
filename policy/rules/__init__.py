"""Rules: the language, rulesets and tables a decision is made with. Rules are data, never Python."""
