"""The types of single values: texts, sizes, schedules, URLs, certificates, secrets."""
