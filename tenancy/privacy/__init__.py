"""The consent register: who agreed to which purpose, until when, and the end of it.

What must stay true: consent of one tenant never counts for another; a revoked or expired consent counts
for nothing from that moment; every act is in the ledger.
"""
