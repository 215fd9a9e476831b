package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	gojson "github.com/goccy/go-json"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	ogen "github.com/credkit/credkit-go/facade/bench/ogen/client"
	"github.com/credkit/credkit-go/facade/bench/stock"
)

// peer is one client of COSMIC, its list and its smallest call.
type peer struct {
	name string
	list func(ctx context.Context) (rows int, err error)
	me   func(ctx context.Context) error
}

// The names of the peers in the table.
const (
	ours      = "credkit"
	generated = "generated client"
	byOgen    = "ogen"
	byHand    = "by hand"
	byGoJSON  = "by hand with go-json"
)

// target is the server that the peers talk to.
type target struct {
	base   string
	token  string
	client *http.Client
}

// peers returns all contestants, ours first.
func peers(t target) ([]peer, error) {
	var all []peer
	for _, make := range []func(target) (peer, error){credkit, oapiCodegen, ogenClient, handWritten, goJSON} {
		p, err := make(t)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func credkit(t target) (peer, error) {
	c, err := facade.NewCosmic(auth.StaticToken(t.token), facade.WithBaseURL(t.base), facade.WithHTTPClient(t.client))
	if err != nil {
		return peer{}, err
	}
	return peer{
		name: ours,
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
	}, nil
}

func oapiCodegen(t target) (peer, error) {
	bearer := func(_ context.Context, req *http.Request) error {
		req.Header.Set("Authorization", "Bearer "+t.token)
		return nil
	}
	c, err := stock.NewClientWithResponses(t.base, stock.WithHTTPClient(t.client), stock.WithRequestEditorFn(bearer))
	if err != nil {
		return peer{}, err
	}
	return peer{
		name: generated,
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
	}, nil
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

func ogenClient(t target) (peer, error) {
	c, err := ogen.NewClient(t.base, bearer(t.token), ogen.WithClient(t.client))
	if err != nil {
		return peer{}, err
	}
	return peer{
		name: byOgen,
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
	}, nil
}

func handWritten(t target) (peer, error) {
	return byHandWith(t, byHand, func(r io.Reader, into any) error { return json.NewDecoder(r).Decode(into) }), nil
}

func goJSON(t target) (peer, error) {
	return byHandWith(t, byGoJSON, func(r io.Reader, into any) error {
		body, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		return gojson.Unmarshal(body, into)
	}), nil
}

func byHandWith(t target, name string, decode func(io.Reader, any) error) peer {
	get := func(ctx context.Context, path string, into any) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.base+path, nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+t.token)
		resp, err := t.client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s: %s", path, resp.Status)
		}
		return decode(resp.Body, into)
	}
	return peer{
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
