package filestore

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzDecodeRecord holds the decoder against the encoder: it takes nothing
// but what the encoder writes, and quotes nothing of what it refuses.
func FuzzDecodeRecord(f *testing.F) {
	for _, key := range []string{"a", "worker-42", "\x00\xff", strings.Repeat("k", 300)} {
		content, err := encodeRecord(key, []byte("a record"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
		f.Add(content[:len(content)-1])
		f.Add(append(content[:len(content):len(content)], 0))
	}
	f.Add([]byte(nil))
	f.Add([]byte(recordMagic))
	f.Add([]byte("credkit-record 2\n"))
	f.Add([]byte(recordMagic + "\xff\xff\xff\xff" + strings.Repeat("x", 64)))
	f.Fuzz(func(t *testing.T, content []byte) {
		key, record, err := decodeRecord(content)
		if err != nil {
			if key != "" || record != nil {
				t.Errorf("an error came with %q, %q", key, record)
			}
			return
		}
		if key == "" || len(record) == 0 {
			t.Errorf("an empty key or record was taken: %q, %q", key, record)
		}
		again, err := encodeRecord(key, record)
		if err != nil || !bytes.Equal(again, content) {
			t.Errorf("%q was taken, but its record is written as %q (%v)", content, again, err)
		}
	})
}

// FuzzRecordRoundTrip also breaks a byte of each record, in any place.
func FuzzRecordRoundTrip(f *testing.F) {
	f.Add("a", []byte("record"), 0, byte(1))
	f.Add("worker-42", []byte{0}, 20, byte(0x80))
	f.Fuzz(func(t *testing.T, key string, record []byte, at int, flip byte) {
		if key == "" || len(record) == 0 {
			t.Skip("stores keep neither")
		}
		content, err := encodeRecord(key, record)
		if err != nil {
			t.Fatal(err)
		}
		gotKey, gotRecord, err := decodeRecord(content)
		if err != nil || gotKey != key || !bytes.Equal(gotRecord, record) {
			t.Errorf("%q, %q came back as %q, %q, %v", key, record, gotKey, gotRecord, err)
		}
		if at < 0 || flip == 0 {
			return
		}
		content[at%len(content)] ^= flip
		if _, _, err := decodeRecord(content); err == nil {
			t.Errorf("byte %d was changed and nobody noticed", at%len(content))
		}
		if _, _, err := decodeRecord(content[:at%len(content)]); err == nil {
			t.Errorf("the file was cut at byte %d and nobody noticed", at%len(content))
		}
	})
}
