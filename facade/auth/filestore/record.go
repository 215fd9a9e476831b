package filestore

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
)

// A record file of version 1 is
//
//	"credkit-record 1\n"   17 bytes
//	length of the key      4 bytes, big endian
//	the key
//	length of the record   4 bytes, big endian
//	the record
//	SHA-256 of all above   32 bytes
//
// and nothing after it. The checksum finds damage, not malice: whoever can
// write the file can write the checksum.
const (
	recordName  = "credkit-record "
	recordMagic = recordName + "1\n"
)

// maxRecordPart bounds the key and the record in a file, so that their
// lengths fit the format on every machine.
const maxRecordPart = 1 << 30

var errCutShort = errors.New("the file is cut short")

// encodeRecord returns the content of the file that keeps record under key.
func encodeRecord(key string, record []byte) ([]byte, error) {
	if len(key) > maxRecordPart || len(record) > maxRecordPart {
		return nil, fmt.Errorf("key or record is larger than %d bytes", maxRecordPart)
	}
	b := make([]byte, 0, len(recordMagic)+4+len(key)+4+len(record)+sha256.Size)
	b = append(b, recordMagic...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(key)))
	b = append(b, key...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(record)))
	b = append(b, record...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
}

// decodeRecord is the inverse of encodeRecord. The record is a part of b. Its
// errors say what is wrong and never quote the content.
func decodeRecord(b []byte) (key string, record []byte, err error) {
	if len(b) == 0 {
		return "", nil, errors.New("the file is empty")
	}
	switch {
	case bytes.HasPrefix(b, []byte(recordMagic)):
	case bytes.HasPrefix([]byte(recordMagic), b):
		return "", nil, errCutShort
	case bytes.HasPrefix(b, []byte(recordName)):
		return "", nil, errors.New("the file has the format of another release of credkit")
	default:
		return "", nil, errors.New("the file is not a credkit record")
	}
	if len(b) < len(recordMagic)+4+4+sha256.Size {
		return "", nil, errCutShort
	}
	body, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	want := sha256.Sum256(body)
	if subtle.ConstantTimeCompare(sum, want[:]) != 1 {
		return "", nil, errors.New("the checksum does not match: the file is cut short or damaged")
	}
	name, body, ok := cutPart(body[len(recordMagic):])
	if !ok || len(name) == 0 {
		return "", nil, errors.New("the key is missing")
	}
	record, body, ok = cutPart(body)
	if !ok || len(record) == 0 || len(body) != 0 {
		return "", nil, errors.New("the record is missing or of a wrong length")
	}
	return string(name), record, nil
}

// cutPart takes a length and as many bytes from the front of b.
func cutPart(b []byte) (part, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n, b := binary.BigEndian.Uint32(b), b[4:]
	if uint64(n) > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}
