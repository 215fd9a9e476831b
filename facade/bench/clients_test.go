package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"

	gojson "github.com/goccy/go-json"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	ogen "github.com/credkit/credkit-go/facade/bench/ogen/client"
	"github.com/credkit/credkit-go/facade/bench/stock"
)

// client is one client of COSMIC: its list and its smallest call.
type client struct {
	name string // in the names of the benchmarks
	list func(ctx context.Context) (rows int, err error)
	me   func(ctx context.Context) error
}

// target is the server that the clients talk to.
type target struct {
	base  string
	token string
	http  *http.Client
}

// clients returns all of them, each time in another order: the first one in a
// process has a cold cache and a small heap.
func clients(t target) []client {
	all := []client{
		credkit(t), generated(t), byOgen(t),
		byHand(t, "hand", func(r io.Reader, into any) error { return json.NewDecoder(r).Decode(into) }),
		byHand(t, "go-json", func(r io.Reader, into any) error {
			body, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			return gojson.Unmarshal(body, into)
		}),
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func credkit(t target) client {
	c, err := facade.NewCosmic(auth.StaticToken(t.token), facade.WithBaseURL(t.base), facade.WithHTTPClient(t.http))
	must(err)
	return client{
		name: "credkit",
		list: func(ctx context.Context) (rows int, err error) {
			for _, err := range c.Certifications().All(ctx) {
				if err != nil {
					return rows, err
				}
				rows++
			}
			return rows, nil
		},
		me: func(ctx context.Context) error {
			_, err := c.Me(ctx)
			return err
		},
	}
}

func generated(t target) client {
	bearer := func(_ context.Context, req *http.Request) error {
		req.Header.Set("Authorization", "Bearer "+t.token)
		return nil
	}
	c, err := stock.NewClientWithResponses(t.base, stock.WithHTTPClient(t.http), stock.WithRequestEditorFn(bearer))
	must(err)
	return client{
		name: "generated",
		list: func(ctx context.Context) (int, error) {
			response, err := c.ListCertificationsWithResponse(ctx, &stock.ListCertificationsParams{})
			if err != nil {
				return 0, err
			}
			if response.JSON200 == nil {
				return 0, errors.New(response.Status())
			}
			return len(response.JSON200.Data), nil
		},
		me: func(ctx context.Context) error {
			response, err := c.GetMeWithResponse(ctx)
			if err == nil && response.JSON200 == nil {
				err = errors.New(response.Status())
			}
			return err
		},
	}
}

// bearer gives ogen's client the token.
type bearer string

// CosmicOAuth implements ogen's SecuritySource.
func (b bearer) CosmicOAuth(context.Context, ogen.OperationName) (ogen.CosmicOAuth, error) {
	return ogen.CosmicOAuth{Token: string(b)}, nil
}

// CertnOAuth implements ogen's SecuritySource.
func (b bearer) CertnOAuth(context.Context, ogen.OperationName) (ogen.CertnOAuth, error) {
	return ogen.CertnOAuth{Token: string(b)}, nil
}

func byOgen(t target) client {
	c, err := ogen.NewClient(t.base, bearer(t.token), ogen.WithClient(t.http))
	must(err)
	return client{
		name: "ogen",
		list: func(ctx context.Context) (int, error) {
			response, err := c.ListCertifications(ctx, ogen.ListCertificationsParams{})
			if err != nil {
				return 0, err
			}
			list, ok := response.(*ogen.CertificationList)
			if !ok {
				return 0, fmt.Errorf("a %T", response)
			}
			return len(list.Data), nil
		},
		me: func(ctx context.Context) error {
			response, err := c.GetMe(ctx)
			if _, ok := response.(*ogen.Me); err == nil && !ok {
				err = fmt.Errorf("a %T", response)
			}
			return err
		},
	}
}

func byHand(t target, name string, decode func(io.Reader, any) error) client {
	get := func(ctx context.Context, path string, into any) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.base+path, nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+t.token)
		resp, err := t.http.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s: %s", path, resp.Status)
		}
		return decode(resp.Body, into)
	}
	return client{
		name: name,
		list: func(ctx context.Context) (int, error) {
			var list stock.CertificationList
			err := get(ctx, "/v1/certifications", &list)
			return len(list.Data), err
		},
		me: func(ctx context.Context) error {
			var who stock.Me
			return get(ctx, "/v1/me", &who)
		},
	}
}
