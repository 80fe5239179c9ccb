"""What may stand for bytes, and what may not."""

import array

from kit import Case


class BytesLike(Case):
    def test_any_buffer(self):
        db = self.opened()
        gaps = memoryview(b"a-b-c-")[::2]
        self.assertFalse(gaps.contiguous and gaps.nbytes == 6)
        cases = [
            (b"plain", b"value"),
            (bytearray(b"array of bytes"), bytearray(b"value")),
            (memoryview(b"a view"), memoryview(b"value")),
            (gaps, memoryview(b"v.a.l.")[::2]),
            (memoryview(bytearray(b"backwards"))[::-1], memoryview(b"xyz")[::-1]),
            (array.array("H", [1, 2, 3]), array.array("d", [1.5])),
            (memoryview(b"abcdef").cast("B", (2, 3)), memoryview(b"123456").cast("B", (3, 2))),
            (type("Sub", (bytes,), {})(b"a subclass"), type("Sub", (bytes,), {})(b"value")),
        ]
        for key, value in cases:
            with self.subTest(key=key):
                as_bytes = memoryview(key).tobytes(), memoryview(value).tobytes()
                db.put(key, value)
                self.assertEqual(db.get(key), as_bytes[1])
                self.assertEqual(db.get(as_bytes[0]), as_bytes[1])
                self.assertTrue(db.has(key))
                self.assertIn(as_bytes, db.scan_prefix(key))
                self.assertIn(as_bytes, list(db.scan(prefix=key)))
                with db.batch() as batch:
                    batch.put(key, as_bytes[1])
                self.assertTrue(db.delete(key))
                with db.batch() as batch:
                    batch.put(key, value)
                    batch.delete(key)
                self.assertFalse(db.has(as_bytes[0]))

    def test_a_key_is_copied(self):
        db = self.opened()
        key, value = bytearray(b"key"), bytearray(b"value")
        with db.batch() as batch:
            batch.put(key, value)
            key[:], value[:] = b"xxx", b"xxxxx"
        self.assertEqual(db.scan_all(), [(b"key", b"value")])

    def test_every_byte(self):
        db = self.opened()
        every = bytes(range(256))
        for i in range(256):
            db.put(bytes([i]), every[i:])
        self.assertEqual(dict(db.scan_all()), {bytes([i]): every[i:] for i in range(256)})
        self.assertEqual(db.get(b"\0"), every)

    def test_text_is_refused_with_advice(self):
        db = self.opened()
        with db.snapshot() as snapshot:
            for do in self.calls(db, snapshot, "text"):
                with self.assertRaisesRegex(TypeError, "encode"):
                    do()

    def test_numbers_and_others_are_refused(self):
        db = self.opened()
        with db.snapshot() as snapshot:
            for wrong in (5, 1.5, None, [1, 2], object()):
                for do in self.calls(db, snapshot, wrong):
                    with self.assertRaisesRegex(TypeError, "bytes-like"):
                        do()
        self.assertEqual(db.scan_all(), [])

    def calls(self, db, snapshot, wrong):
        batch = db.batch()
        return [
            lambda: db.put(wrong, b"v"),
            lambda: db.put(b"k", wrong),
            lambda: db.get(wrong),
            lambda: db.has(wrong),
            lambda: wrong in db,
            lambda: db[wrong],
            lambda: db.__setitem__(wrong, b"v"),
            lambda: db.__delitem__(wrong),
            lambda: db.delete(wrong),
            lambda: db.delete_prefix(wrong),
            lambda: db.scan_prefix(wrong),
            lambda: db.scan(wrong),
            lambda: batch.put(wrong, b"v"),
            lambda: batch.put(b"k", wrong),
            lambda: batch.delete(wrong),
            lambda: snapshot.get(wrong),
            lambda: snapshot.scan(wrong),
        ]
