"""The dashboard: what the reports answer as pages for people, under `/org/dashboard/`."""
