"""Parquet and Arrow files as tables, read in batches."""

import contextlib
from collections.abc import Iterator, Sequence
from queue import Full, Queue
from threading import Event, Thread

import pyarrow as pa

from sabotage.tables import BATCH_ROWS, Source, guarded, sliced

MAGIC = {b"PAR1": "parquet", b"ARRO": "arrow", b"FEA1": "arrow"}


def open_parquet(path: str, name: str) -> Source:
    """Open a parquet file."""
    import pyarrow.parquet as pq

    def opened(labels: Sequence[str]) -> pq.ParquetFile:
        # Buffered, not prefetched: whole column chunks in memory would double what reading takes. Labels come as the
        # dictionaries that the file holds them in: made anew, they took a sixth of the time of reading.
        return pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 16, read_dictionary=list(labels))

    file = opened([])
    schema = file.schema_arrow

    def batches(columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        kinds = {column: schema.field(column).type for column in texts}
        labels = [c for c, kind in kinds.items() if pa.types.is_string(kind) or pa.types.is_large_string(kind)]
        part = opened(labels).iter_batches(batch_size=BATCH_ROWS, columns=list(columns))
        return guarded(_ahead(part), name, "parquet")

    return Source(name, path, "parquet", schema, file.metadata.num_rows, batches, (path,))


def _ahead(batches: Iterator[pa.RecordBatch], depth: int = 4) -> Iterator[pa.RecordBatch]:
    """Decode the next batches in a thread of its own while the last one is used."""
    waiting: Queue[pa.RecordBatch | BaseException | None] = Queue(depth)
    gone = Event()

    def put(item: pa.RecordBatch | BaseException | None) -> None:
        while not gone.is_set():
            with contextlib.suppress(Full):
                waiting.put(item, timeout=0.1)
                return

    def decode() -> None:
        try:
            for batch in batches:
                put(batch)
                if gone.is_set():
                    return
            put(None)
        except BaseException as error:
            put(error)

    thread = Thread(target=decode, daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        gone.set()
        thread.join()


def open_arrow(path: str, name: str) -> Source:
    """Open an Arrow file of any age: file format, stream or the first feather."""
    with open(path, "rb") as file:
        head = file.read(4)
    if head == b"FEA1":
        import pyarrow.feather

        return whole(pyarrow.feather.read_table(path), name, path)
    if head != b"ARRO":  # the stream format has no footer and no magic
        with pa.OSFile(path) as stream:
            return whole(pa.ipc.open_stream(stream).read_all(), name, path)
    reader = pa.ipc.open_file(pa.memory_map(path))
    n_rows = sum(reader.get_batch(i).num_rows for i in range(reader.num_record_batches))
    schema = reader.schema  # and nothing else of the reader: of a thousand parts, each would keep its file open

    def read(columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        fields = [schema.get_field_index(column) for column in columns]
        options = pa.ipc.IpcReadOptions(included_fields=fields)
        part = pa.ipc.open_file(pa.memory_map(path), options=options)
        for i in range(part.num_record_batches):
            yield from sliced(part.get_batch(i).select(list(columns)))

    def batches(columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        return guarded(read(columns), name, "arrow")

    return Source(name, path, "arrow", schema, n_rows, batches, (path,))


def whole(table: pa.Table, name: str, path: str | None = None, format: str | None = None) -> Source:
    """Make a source of a table that is in memory already."""

    def batches(columns: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        return iter(table.select(list(columns)).to_batches(max_chunksize=BATCH_ROWS))

    format = format or ("arrow" if path else "memory")
    return Source(name, path, format, table.schema, table.num_rows, batches, () if path is None else (path,))
