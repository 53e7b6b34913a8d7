package bucket

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
)

// The schemes.
const (
	S3  = "s3"
	GCS = "gs"
)

// Location is a bucket and a key in it.
type Location struct {
	Scheme string // S3 or GCS
	Bucket string
	Key    string // unescaped, without the first slash; may be a pattern, a prefix or empty

	parameters url.Values
}

// IsURL reports whether an argument is a URL, not a path of the file system.
func IsURL(text string) bool {
	scheme, _, found := strings.Cut(text, "://")
	return found && scheme != "" && !strings.ContainsAny(scheme, `/\.`)
}

// parameters are the allowed parameters of a URL. They say where a bucket is and how to
// reach it. None is a secret.
func parameters() map[string][]string {
	return map[string][]string{
		S3: {"anonymous", "disable_https", "dualstack", "endpoint", "fips", "profile", "region",
			"request_checksum_calculation", "response_checksum_validation", "role", "use_path_style"},
		GCS: {"anonymous"},
	}
}

// Parse reads a URL. Its errors do not repeat the URL, which may contain a secret.
func Parse(text string) (Location, error) {
	u, err := url.Parse(text)
	if err != nil {
		return Location{}, errors.New("not a valid URL; use s3://BUCKET/KEY or gs://BUCKET/KEY, with % and ? in a key as %25 and %3F")
	}
	allowed, known := parameters()[u.Scheme]
	switch {
	case !known:
		return Location{}, errors.New("not a supported URL; use s3://BUCKET/KEY, gs://BUCKET/KEY, or a path")
	case u.User != nil:
		return Location{}, errors.New("a URL must not contain credentials; remove what is before the @")
	case u.Host == "" || u.Port() != "":
		return Location{}, fmt.Errorf("the URL has no valid bucket; use %s://BUCKET/KEY, and the parameter endpoint for a server of your own", u.Scheme)
	case u.Fragment != "":
		return Location{}, errors.New("the URL contains #; write %23 if it belongs to the key")
	}
	l := Location{Scheme: u.Scheme, Bucket: u.Host, Key: strings.TrimPrefix(u.Path, "/")}
	if l.parameters, err = url.ParseQuery(u.RawQuery); err != nil {
		return Location{}, errors.New("the parameters of the URL are not valid; use NAME=VALUE&NAME=VALUE")
	}
	for name, values := range l.parameters {
		if !slices.Contains(allowed, name) || len(values) != 1 {
			return Location{}, fmt.Errorf("the URL has a parameter that is unknown or repeated; %s knows %s. Credentials come from the environment or a profile, never from a URL",
				u.Scheme, strings.Join(allowed, ", "))
		}
	}
	if endpoint := l.parameters.Get("endpoint"); endpoint != "" {
		at, err := url.Parse(endpoint)
		if err != nil || at.Host == "" || (at.Scheme != "http" && at.Scheme != "https") {
			return Location{}, errors.New("the parameter endpoint is not a URL; use https://HOST:PORT")
		}
		if at.User != nil || at.RawQuery != "" || at.Fragment != "" {
			return Location{}, errors.New("the parameter endpoint must be https://HOST:PORT, without credentials or parameters")
		}
	}
	return l, nil
}

// At is the location of another key in the same bucket.
func (l Location) At(key string) Location {
	l.Key = key
	return l
}

// Name is the URL without parameters, the same for every way to write it.
func (l Location) Name() string {
	name := (&url.URL{Scheme: l.Scheme, Host: l.Bucket, Path: "/" + l.Key}).String()
	return strings.ReplaceAll(name, "%2A", "*") // so that a pattern stays readable
}

// HasPattern reports whether the key is a pattern in the sense of [path.Match].
func (l Location) HasPattern() bool { return strings.ContainsAny(l.Key, `*?[\`) }

// Prefix is the part of a pattern before its first special character.
func (l Location) Prefix() string {
	if i := strings.IndexAny(l.Key, `*?[\`); i >= 0 {
		return l.Key[:i]
	}
	return l.Key
}

// Match reports whether the pattern matches a key.
func (l Location) Match(key string) (bool, error) {
	matches, err := path.Match(l.Key, key)
	if err != nil {
		return false, errors.New("the pattern is not valid; use *, ? (as %3F) and [a-z]")
	}
	return matches, nil
}

// Parameters are those of the URL. The caller may change them.
func (l Location) Parameters() url.Values { return maps.Clone(l.parameters) }

// SameBucket is equal for locations that one connection can serve.
func (l Location) SameBucket() string {
	text := l.Scheme + "\x00" + l.Bucket
	for _, name := range slices.Sorted(maps.Keys(l.parameters)) {
		text += "\x00" + name + "\x00" + l.parameters.Get(name)
	}
	return text
}
