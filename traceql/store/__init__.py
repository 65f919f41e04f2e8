"""The store: a directory of traces, each a folder of Parquet files that never changes.

    <store>/traceql-store.json          {"format": 1}: makes the folder a store
    <store>/traces/<id>/<table>.parquet id = xxh3-128 of the source's bytes
    <store>/traces/<id>/manifest.json   what the files hold and what made them; no wall-clock times
    <store>/catalog/<id>.json           name, groups, when and whence; rebuilt when lost
    <store>/results/<analysis>/<scope>/ what analyses kept
    <store>/tmp/                        work in progress; leftovers of dead processes are swept
    <store>/views.sql                   for plain `duckdb -init`
    <store>/.lock                       held for the moments in which something is renamed

A trace appears, and is replaced, by one rename; whatever ends a process before it leaves the store
as it was, and a leftover in `tmp/`.
"""
