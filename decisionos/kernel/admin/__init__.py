"""The admin site and the base classes of every ModelAdmin.

What must stay true: a machine-written row cannot be edited; a tenant's rows open only inside its scope;
no page counts a whole table; secrets are never shown.
"""
