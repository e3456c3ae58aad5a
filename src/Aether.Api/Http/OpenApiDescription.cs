using System.Text;
using System.Text.Json.Nodes;
using Aether.Api.Access;
using Aether.Application.History;
using Aether.Application.Pipeline;
using Aether.Application.Wire;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Microsoft.OpenApi.Reader;

namespace Aether.Api.Http;

/// <summary>
/// Completes the OpenAPI document of the HTTP API with what the handlers' signatures do not say. The document has a
/// name of its own, so that a host's documents do not get our endpoints, nor ours theirs.
/// </summary>
internal static partial class OpenApiDescription
{
    public const string DocumentName = "aether";

    private const string Json = "application/json";
    private const string KeyScheme = "ApiKey";
    private const string TokenScheme = "Token";

    public static void Configure(OpenApiOptions options)
    {
        options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        options.ShouldInclude = endpoint => endpoint.GroupName == DocumentName;
        options.AddDocumentTransformer(CompleteAsync);
    }

    private static Task CompleteAsync(
        OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellationToken)
    {
        document.Info = new OpenApiInfo
        {
            Title = "Aether Realtime",
            Version = "3",
            Description =
                "Sends messages, gives commands, and reads and removes clients. What goes over the WebSocket is in /asyncapi.json. "
                + "/health/live and /health/ready tell whether the instance runs and takes connections, /metrics is "
                + "for Prometheus. Every error is application/problem+json; where a field is wrong, `field` names it.",
        };
        // Nothing but this instance's own paths. Whoever sends the document knows what is in front of them.
        document.Servers = [];
        WithoutPrefix(document);
        document.AddComponent(KeyScheme, new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.ApiKey,
            In = ParameterLocation.Header,
            Name = ShownCredential.KeyHeader,
            Description =
                "This or a token is needed where API keys or tokens are configured, and not both. Where neither are, only "
                + "callers on the same machine are served.",
        });
        document.AddComponent(TokenScheme, new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http,
            Scheme = "bearer",
            BearerFormat = "JWT",
            Description = "In place of an API key, where tokens are configured: it grants what a key with its claims would.",
        });
        document.Security =
        [
            new() { [new OpenApiSecuritySchemeReference(KeyScheme, document)] = [] },
            new() { [new OpenApiSecuritySchemeReference(TokenScheme, document)] = [] },
            new(),
        ];
        document.AddComponent("Message", MessageSchema(document));

        CompleteCommands(document);
        CompleteSend(document, Operation(document, HttpApi.MessagesRoute, HttpMethod.Post, "sendMessage"));
        var groups = Operation(document, HttpApi.GroupsRoute, HttpMethod.Get, "readGroups");
        DescribePage(groups);
        Example(groups, "200", Examples.Groups);
        Example(
            Operation(document, HttpApi.InstancesRoute, HttpMethod.Get, "readInstances"), "200", Examples.Instances);
        var roster = Operation(document, HttpApi.RosterRoute, HttpMethod.Get, "readRoster");
        DescribeQuery(roster);
        Example(roster, "200", Examples.Roster);
        Example(Operation(document, HttpApi.ClientRoute, HttpMethod.Get, "readClient"), "200", Examples.Client);
        Example(Operation(document, HttpApi.ClientRoute, HttpMethod.Delete, "removeClient"), "202", Examples.Published);
        Operation(document, HttpApi.TraceRoute, HttpMethod.Get, "traceClient");
        var messages = Operation(document, HttpApi.GroupMessagesRoute, HttpMethod.Get, "readMessages");
        Describe(messages, "after", "A position: only what follows it; else from the oldest there is", SchemaOf(document, "position"));
        DescribeLimit(messages, ReadMessages.DefaultLimit);
        Example(messages, "200", Examples.KeptMessages);
        Example(Operation(document, HttpApi.LeaseRoute, HttpMethod.Get, "readLease"), "200", Examples.Lease);
        Example(Operation(document, HttpApi.LeaseRoute, HttpMethod.Delete, "takeLease"), "200", Examples.FreeLease);
        CompleteRevoke(document, Operation(document, HttpApi.RevocationsRoute, HttpMethod.Post, "revokeTokens"));
        foreach (var parameter in document.Paths.Values.SelectMany(path => path.Operations!.Values)
            .SelectMany(operation => operation.Parameters ?? []).OfType<OpenApiParameter>()
            .Where(parameter => parameter is { In: ParameterLocation.Path, Description: null }))
        {
            parameter.Description = "A Vision ID, by case";
            parameter.Schema = new OpenApiSchema { Type = JsonSchemaType.String, Pattern = "^[A-Za-z0-9_-]{1,64}$" };
            parameter.Example = parameter.Name switch
            {
                "group_id" => "press-7",
                "name" => "lead",
                _ => "worker-1",
            };
        }
        return Task.CompletedTask;
    }

    /// <summary>
    /// Gives the paths as they are without the prefix of the groups that they are mapped in, each once.
    /// </summary>
    private static void WithoutPrefix(OpenApiDocument document)
    {
        var paths = new OpenApiPaths();
        foreach (var (path, item) in document.Paths)
        {
            // Goes without saying where there is GET.
            item.Operations!.Remove(HttpMethod.Head);
            string route = Array.Find(HttpApi.Routes, route => path.EndsWith(route, StringComparison.Ordinal)) ?? path;
            if (!paths.TryAdd(route, item))
                continue;
            // A prefix may have parameters too.
            foreach (var operation in item.Operations!.Values.Where(operation => operation.Parameters is not null))
            {
                operation.Parameters = [.. operation.Parameters!.Where(parameter =>
                    parameter.In != ParameterLocation.Path
                    || route.Contains("{" + parameter.Name + "}", StringComparison.Ordinal))];
            }
        }
        document.Paths = paths;
    }

    // The ids are given here: names of endpoints would have to differ from those of the host.
    private static OpenApiOperation Operation(OpenApiDocument document, string route, HttpMethod method, string id)
    {
        var operation = document.Paths[route].Operations![method];
        operation.OperationId = id;
        return operation;
    }

    private static void CompleteSend(OpenApiDocument document, OpenApiOperation send)
    {
        send.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Description =
                "A V3 message; group_id is required for every target but broadcast, from_id is any Vision ID or aether.",
            Content = new Dictionary<string, OpenApiMediaType>
            {
                [Json] = new OpenApiMediaType
                {
                    Schema = new OpenApiSchemaReference("Message", document),
                    Example = JsonNode.Parse(Examples.Message),
                },
            },
        };
        Example(send, "202", Examples.Kept);
    }

    private static void CompleteRevoke(OpenApiDocument document, OpenApiOperation revoke)
    {
        revoke.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Description = "Either jti, or sub with issued_before.",
            Content = new Dictionary<string, OpenApiMediaType>
            {
                [Json] = new OpenApiMediaType
                {
                    Schema = ToSchema(document, Examples.RevocationSchema),
                    Example = JsonNode.Parse(Examples.Revocation),
                },
            },
        };
        Example(revoke, "202", Examples.Revoked);
    }

    private static void DescribeQuery(OpenApiOperation roster)
    {
        Describe(roster, "role", "Only clients of this role", new()
        {
            Type = JsonSchemaType.String,
            Enum = [.. RoleNames.All],
        });
        Describe(roster, "sort", "The order, with - in front for the reverse; what is equal in it is sorted by client id", new()
        {
            Type = JsonSchemaType.String,
            Enum = ["client_id", "-client_id", "joined_at", "-joined_at", "last_seen", "-last_seen"],
            Default = "client_id",
        });
        DescribePage(roster);
    }

    private static void DescribePage(OpenApiOperation operation)
    {
        Describe(operation, "offset", "How many to leave out", new()
        {
            Type = JsonSchemaType.Integer,
            Minimum = "0",
            Default = 0,
        });
        DescribeLimit(operation, PageRules.MaxLimit);
    }

    private static void DescribeLimit(OpenApiOperation operation, int otherwise) =>
        Describe(operation, "limit", "How many at most", new()
        {
            Type = JsonSchemaType.Integer,
            Minimum = "1",
            Maximum = PageRules.MaxLimit.ToString(System.Globalization.CultureInfo.InvariantCulture),
            Default = otherwise,
        });

    private static void Describe(OpenApiOperation operation, string name, string description, OpenApiSchema schema)
    {
        var parameter = (OpenApiParameter)operation.Parameters!.Single(parameter => parameter.Name == name);
        parameter.Description = description;
        parameter.Schema = schema;
    }

    private static void Example(OpenApiOperation operation, string status, string json) =>
        operation.Responses![status].Content![Json].Example = JsonNode.Parse(json);

    /// <summary>
    /// The one schema of a message that there is, with its definitions put in where they are referred to.
    /// </summary>
    private static OpenApiSchema MessageSchema(OpenApiDocument document)
    {
        var schema = JsonNode.Parse(Documents.Read("message.schema.json"))!.AsObject();
        var definitions = schema["$defs"]!.AsObject();
        foreach (string name in new[] { "$schema", "$id", "$defs" })
            schema.Remove(name);
        string json = schema.ToJsonString();
        foreach (var (name, definition) in definitions)
        {
            // A field may say more of itself beside what it refers to.
            string reference = "\"$ref\":\"#/$defs/" + name + "\"";
            json = json.Replace(reference, definition!.ToJsonString()[1..^1], StringComparison.Ordinal);
        }
        return ToSchema(document, json);
    }

    private static OpenApiSchema ToSchema(OpenApiDocument document, string json)
    {
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(json));
        return OpenApiModelFactory.Load<OpenApiSchema>(
            stream, OpenApiSpecVersion.OpenApi3_1, "json", document, out _)!;
    }

    /// <summary>What the document shows. The first one can be sent as it is.</summary>
    private static class Examples
    {
        public const string Message = """
            {
              "msg_type": "cmd",
              "target": "group",
              "from_id": "aether",
              "group_id": "press-7",
              "cmd": "start",
              "payload": { "speed": 3 },
              "sent_at": "2026-01-01T00:00:00Z"
            }
            """;

        public const string Published = """{ "instances": 1 }""";

        public const string Kept = """{ "instances": 1, "status": "published", "pos": "tQ8dLr0VxA:42" }""";

        public const string KeptMessages = """
            {
              "messages": [
                {
                  "version": "3",
                  "msg_type": "cmd",
                  "target": "group",
                  "from_id": "aether",
                  "to_id": null,
                  "group_id": "press-7",
                  "cmd": "start",
                  "msg": null,
                  "payload": { "speed": 3 },
                  "sent_at": "2026-01-01T00:00:00Z",
                  "pos": "tQ8dLr0VxA:42"
                }
              ],
              "pos": "tQ8dLr0VxA:42",
              "complete": true
            }
            """;

        public const string Client = """
            {
              "client_id": "worker-1",
              "role": "worker",
              "state": { "battery": 0.5 },
              "connections": 1,
              "joined_at": "2026-01-01T00:00:00Z",
              "last_seen": "2026-01-01T00:00:10Z",
              "version": 1767225600000000
            }
            """;

        public const string Lease =
            """{ "name": "lead", "holder": "boss", "term": 3, "expires_at": "2026-01-01T00:00:10Z" }""";

        public const string FreeLease = """{ "name": "lead", "holder": null, "term": 3, "expires_at": null }""";

        public const string Revocation = """{ "sub": "worker-1", "issued_before": "2026-01-01T00:00:00Z" }""";

        public const string Revoked = """{ "until": "2027-01-01T00:01:00Z" }""";

        public const string RevocationSchema = """
            {
              "type": "object",
              "properties": {
                "jti": {
                  "type": ["string", "null"],
                  "minLength": 1,
                  "maxLength": 256,
                  "description": "The id of one token"
                },
                "sub": {
                  "type": ["string", "null"],
                  "pattern": "^[A-Za-z0-9_-]{1,64}$",
                  "description": "The client whose tokens are revoked"
                },
                "issued_before": {
                  "type": ["string", "number", "null"],
                  "description": "Those that were issued before: an RFC 3339 time, or seconds since 1970 as in iat. Not in the future"
                }
              },
              "oneOf": [{ "required": ["jti"] }, { "required": ["sub", "issued_before"] }],
              "additionalProperties": false
            }
            """;

        public const string Groups = """{ "groups": [{ "group_id": "press-7", "members": 3 }], "total": 1 }""";

        public const string Instances = """
            {
              "instances": [
                {
                  "instance_id": "0123456789ab",
                  "version": "3.0.0",
                  "started_at": "2026-01-01T00:00:00Z",
                  "uptime_seconds": 3600,
                  "connections": 3
                }
              ],
              "total": 1
            }
            """;

        public const string Roster = $$"""{ "members": [{{Client}}], "total": 1 }""";
    }
}
