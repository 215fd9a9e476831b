package facade

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/url"
	"strings"
)

// resume is the place where a list goes on: the request that it is a page of,
// as [List.fingerprint] has it, and the query of the page.
type resume struct{ request, query string }

const resumePrefix = "credkit1."

// text writes the place as a Page.Resume.
func (r resume) text(id OperationID) string {
	body := []byte(string(id) + "\n" + r.request + "\n" + r.query)
	return resumePrefix + base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(body, crc32.ChecksumIEEE(body)))
}

// readResume reads a Page.Resume of a list of the operation.
func readResume(id OperationID, text string) (resume, error) {
	encoded, ok := strings.CutPrefix(text, resumePrefix)
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	body := raw[:max(0, len(raw)-4)]
	if !ok || err != nil || len(body) == 0 || binary.BigEndian.Uint32(raw[len(body):]) != crc32.ChecksumIEEE(body) {
		return resume{}, errors.New("From: this is no Page.Resume of this library, or a part of one")
	}
	parts := strings.SplitN(string(body), "\n", 3)
	if len(parts) != 3 || parts[2] == "" || !validQuery(parts[2]) {
		return resume{}, errors.New("From: the Page.Resume is damaged")
	}
	if parts[0] != string(id) {
		return resume{}, fmt.Errorf("From: the Page.Resume is of another list, %q", abbreviate(parts[0]))
	}
	return resume{parts[1], parts[2]}, nil
}

// fingerprint identifies the list that a request of its first page asks for:
// the URL with the list's own parameters, and whose list it is. The page size
// changes where pages end and not what is listed.
func (l *List[T]) fingerprint(first *url.URL, sizeParameter string) string {
	query := first.Query()
	query.Del(sizeParameter)
	sum := sha256.Sum256([]byte(first.Scheme + "://" + first.Host + first.EscapedPath() + "?" + query.Encode() + "\n" + l.client.session))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// resumed checks that a list goes on with the request it was left at, and
// returns the query of the page.
func (l *List[T]) resumed(first *url.URL, sizeParameter string) (string, error) {
	if l.from.request != l.fingerprint(first, sizeParameter) {
		return "", errors.New("From: the Page.Resume is of another request: it has another base URL, session key or parameter")
	}
	left, err := url.ParseQuery(l.from.query)
	if err != nil {
		return "", err
	}
	size := first.Query().Get(sizeParameter)
	if was := left.Get(sizeParameter); l.size != nil && was != size {
		return "", fmt.Errorf("From: the Page.Resume is of a list with the page size %q, not %s", abbreviate(was), size)
	}
	return l.from.query, nil
}
