"""Make the tokenizer, the training stream and the fixed evaluation set from text"""

import hashlib
import json
import sys
from dataclasses import asdict
from functools import partial

import numpy as np
from tokenizers import Tokenizer

from induction.config.corpus import CorpusChanges, CorpusSettings
from induction.config.errors import StageError, require
from induction.config.suites import Suite
from induction.pipeline import corpus_text
from induction.pipeline.artifacts import MANIFEST, TEXT, TOKENIZER, TRAIN_TOKENS
from induction.pipeline.job import Job, run
from induction.pipeline.progress import progress
from induction.pipeline.suite_checkpoints import source_of_suite
from induction.tables.corpus import DOCUMENTS, EVAL, EVAL_SEQUENCES, VOCABULARY
from induction.text import sources
from induction.text.documents import Document, distinct, stretches, within
from induction.text.foreign_tokenizer import load_foreign_tokenizer
from induction.text.left_out import Reason, rows, sentence
from induction.text.stream import join_documents, save_stream
from induction.text.tokenizer import train_tokenizer
from induction.text.windows import evaluation_windows

PER = "corpus"
INPUTS = (TEXT,)
OUTPUTS = (DOCUMENTS, EVAL, EVAL_SEQUENCES, VOCABULARY, MANIFEST, TOKENIZER, TRAIN_TOKENS)
PARAMS = ("corpus",)

ENCODE_BATCH = 256
TOKEN = np.uint32  # as tables hold ids; those of our own vocabularies need half
# Into which a text is cut that is the only one.
STRETCHES = 20


def main(job: Job) -> None:
    params = job.params.section("corpus", CorpusSettings)
    suite = job.suite
    if corpus := suite.corpus if suite else job.instance:
        key = f"corpora.{corpus}"
        params = params.changed(job.params.section(key, CorpusChanges), key)
    job.reads_text(partial(corpus_text.digest, params))
    texts_read, left_out = sources.read(params, corpus_text.hidden)
    is_single = len(texts_read) == 1
    if is_single:  # some of it must be held out
        name = texts_read[0].name
        texts_read = stretches(texts_read[0], STRETCHES)
        print(f"{job.label}: {name} is cut into {len(texts_read)} stretches", file=sys.stderr)
    unique = distinct(texts_read)
    documents = within(unique, params.max_characters)
    every, some, kept = (
        {document.name for document in each} for each in (texts_read, unique, documents)
    )
    left_out.add_all(Reason.DUPLICATE, sorted(every - some))
    left_out.add_all(Reason.BEYOND, sorted(some - kept))
    if says := sentence(rows(left_out)):
        print(f"{job.label}: left out: {says}", file=sys.stderr)
    hashes = [document.sha256 for document in documents]
    held_out = max(1, round(params.evaluation.held_out * len(documents)))
    if held_out >= len(documents):
        raise StageError(
            f"params.yaml: corpus: found {len(documents)} distinct document(s), expected at least "
            "2, to hold one out for evaluation; add text"
        )
    training = documents[held_out:]

    tokenizer = tokenizer_of(job.instance, suite) if suite else trained(training, params)
    vocab_size = tokenizer.get_vocab_size()
    # A model that was trained to find a token first is given it in place of one of the text.
    n_text = params.evaluation.tokens - (job.bos is not None)
    tokens: list[np.ndarray] = []
    with progress(None, "corpus: encode", "doc", total=len(documents)) as bar:
        for i in range(0, len(documents), ENCODE_BATCH):
            texts = [document.text for document in documents[i : i + ENCODE_BATCH]]
            encoded = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
            tokens += [np.array(each.ids, TOKEN) for each in encoded]
            bar.update(len(texts))

    rng = np.random.default_rng(params.seed)
    lengths = [len(ids) for ids in tokens[:held_out]]
    chosen = evaluation_windows(lengths, n_text, params.evaluation.sequences, rng)
    if len(chosen) < params.evaluation.sequences:
        raise StageError(
            f"params.yaml: corpus.evaluation.sequences: found {params.evaluation.sequences}, but "
            f"the {held_out} held-out document(s) have room for {len(chosen)} windows of "
            f"{params.evaluation.tokens} tokens; lower it, raise corpus.evaluation.held_out, or "
            "add text"
        )
    evaluation = np.stack([tokens[d][start : start + n_text] for d, start in chosen])
    if job.bos is not None:
        evaluation = np.insert(evaluation, 0, job.bos, axis=1)
    in_training = np.concatenate(tokens[held_out:]) if suite else join_documents(tokens[held_out:])

    n_seq, length = evaluation.shape
    counts = np.bincount(in_training, minlength=vocab_size)
    with job.outputs() as outputs:
        if not suite:
            of_text = job.provenance_without(TRAIN_TOKENS.without)
            save_stream(outputs.path(TRAIN_TOKENS), in_training, of_text)
        outputs.path(TOKENIZER).write_text(tokenizer.to_str(), encoding="utf-8")
        outputs.write(
            EVAL,
            {
                "seq": np.repeat(np.arange(n_seq, dtype=np.int16), length),
                "pos": np.tile(np.arange(length, dtype=np.int16), n_seq),
                "token": evaluation.reshape(-1),
            },
        )
        outputs.write(
            EVAL_SEQUENCES,
            {
                "seq": np.arange(n_seq, dtype=np.int16),
                "document": np.array([d for d, _ in chosen], np.int32),
                "start": np.array([start for _, start in chosen], np.int32),
                "sampled_pos": rng.integers(0, length - 1, n_seq).astype(np.int16),
            },
        )
        outputs.write(
            DOCUMENTS,
            {
                "document": np.arange(len(documents), dtype=np.int32),
                "name": [document.name for document in documents],
                "sha256": hashes,
                "characters": np.array([len(d.text) for d in documents], np.int32),
                "tokens": np.array([len(ids) for ids in tokens], np.int32),
                "is_held_out": np.arange(len(documents)) < held_out,
            },
        )
        outputs.write(
            VOCABULARY,
            {
                "token": np.arange(vocab_size, dtype=TOKEN),
                "text": [tokenizer.id_to_token(i) for i in range(vocab_size)],
                "count": counts.astype(np.int64),
            },
        )
        manifest = {
            "source": params.source,
            "versions": sources.versions(params),
            # Of the only text that there is; else the documents are whole.
            "documents_are_stretches": is_single,
            "documents_found": len(texts_read),
            "documents_distinct": len(unique),
            "documents_used": len(documents),
            "documents_held_out": held_out,
            "left_out": rows(left_out),
            "characters": sum(len(document.text) for document in documents),
            "train_tokens": len(in_training),
            "evaluation_sequences": n_seq,
            "vocab_size": vocab_size,
            "evaluation_tokens": length,
            "sha256": hashlib.sha256("".join(hashes).encode()).hexdigest(),
            "tokenizer_sha256": hashlib.sha256(tokenizer.to_str().encode()).hexdigest(),
            "provenance": asdict(job.provenance),
        }
        outputs.path(MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def trained(documents: list[Document], params: CorpusSettings) -> Tokenizer:
    sample = within(documents, params.tokenizer_characters)
    tokenizer = train_tokenizer([document.text for document in sample], params.vocab_size)
    if tokenizer.get_vocab_size() < params.vocab_size:
        raise StageError(
            f"params.yaml: corpus.vocab_size: found {params.vocab_size}, but the text gives only "
            f"{tokenizer.get_vocab_size()} tokens; lower corpus.vocab_size or add text"
        )
    return tokenizer


def tokenizer_of(name: str, suite: Suite) -> Tokenizer:
    """The tokenizer that the models of a suite were trained with."""
    where = f"suites.{name}"
    tokenizer = load_foreign_tokenizer(source_of_suite(name, suite).tokenizer(), where)
    size = tokenizer.get_vocab_size()
    gap = next((i for i in range(size) if tokenizer.id_to_token(i) is None), None)
    if gap is not None:
        raise StageError(
            f"{where}: found a tokenizer of {size:,} tokens without id {gap:,}, expected ids "
            "without gaps; set tokenizer to that which the model was trained with"
        )
    if suite.bos != "none":
        require(suite.bos < size, f"{where}.bos", suite.bos, f"an id below {size:,}", "correct it")
    return tokenizer


if __name__ == "__main__":
    run(main)
