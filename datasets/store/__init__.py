"""The canonical store of real data sets: official files in, lossless frames with a manifest and a fingerprint out.

``prepare`` imports what a card's scanner found in a folder, ``verify`` checks what lies in the store, and
:class:`datasets.store.dataset.StoreDataset` serves it. Nothing here downloads anything.
"""
