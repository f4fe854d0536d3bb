"""Traces for OpenTelemetry, made of events; needs the extra `otel`."""
