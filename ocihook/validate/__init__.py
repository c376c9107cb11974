# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a container's documents, all of it at once: ``ocihook validate``.

The hook stops at the first thing that it cannot use. Here the schemas are asked, then come checks
that no schema can express: against this machine, and of members against each other. The first
schema of a kind is what the hook demands, and both have to be of one mind (test_corpus and
test_fuzz_hook in tests/unit/whole); the second one is the runtime-spec.
"""
