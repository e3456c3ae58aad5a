using System.Text;
using System.Text.Json.Nodes;
using Aether.Api.Access;
using Aether.Application.Presence;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Microsoft.OpenApi.Reader;

namespace Aether.Api.Http;

/// <summary>
/// Completes the OpenAPI document of the HTTP API with what the handlers' signatures do not say. The document has a
/// name of its own, so that a host's documents do not get our endpoints, nor ours theirs.
/// </summary>
internal static class OpenApiDescription
{
    public const string DocumentName = "aether";

    private const string Json = "application/json";
    private const string Scheme = "ApiKey";

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
                "Sends messages, and reads and removes clients. What goes over the WebSocket is in /asyncapi.json. "
                + "/health/live and /health/ready tell whether the instance runs and takes connections, /metrics is "
                + "for Prometheus. Every error is application/problem+json; where a field is wrong, `field` names it.",
        };
        // Nothing but this instance's own paths.
        document.Servers = [];
        document.AddComponent(Scheme, new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.ApiKey,
            In = ParameterLocation.Header,
            Name = ApiKeys.HeaderName,
            Description =
                "Needed where API keys are configured. Where none are, only callers on the same machine are served.",
        });
        document.Security = [new() { [new OpenApiSecuritySchemeReference(Scheme, document)] = [] }, new()];
        document.AddComponent("Message", MessageSchema(document));

        CompleteSend(document, Operation(document, HttpApi.MessagesRoute, HttpMethod.Post, "sendMessage"));
        var roster = Operation(document, HttpApi.RosterRoute, HttpMethod.Get, "readRoster");
        DescribeQuery(roster);
        Example(roster, "200", Examples.Roster);
        Example(Operation(document, HttpApi.ClientRoute, HttpMethod.Get, "readClient"), "200", Examples.Client);
        Example(Operation(document, HttpApi.ClientRoute, HttpMethod.Delete, "removeClient"), "202", Examples.Published);
        foreach (var parameter in document.Paths.Values.SelectMany(path => path.Operations!.Values)
            .SelectMany(operation => operation.Parameters ?? []).OfType<OpenApiParameter>()
            .Where(parameter => parameter.In == ParameterLocation.Path))
        {
            parameter.Description = "A Vision ID, by case";
            parameter.Schema = new OpenApiSchema { Type = JsonSchemaType.String, Pattern = "^[A-Za-z0-9_-]{1,64}$" };
            parameter.Example = parameter.Name == "group_id" ? "press-7" : "worker-1";
        }
        return Task.CompletedTask;
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
                "A V3 message; group_id is required for target group and direct, from_id is any Vision ID or aether.",
            Content = new Dictionary<string, OpenApiMediaType>
            {
                [Json] = new OpenApiMediaType
                {
                    Schema = new OpenApiSchemaReference("Message", document),
                    Example = JsonNode.Parse(Examples.Message),
                },
            },
        };
        Example(send, "202", Examples.Published);
    }

    private static void DescribeQuery(OpenApiOperation roster)
    {
        Describe("role", "Only clients of this role", new()
        {
            Type = JsonSchemaType.String,
            Enum = ["controller", "worker", "observer"],
        });
        Describe("sort", "The order, with - in front for the reverse; what is equal in it is sorted by client id", new()
        {
            Type = JsonSchemaType.String,
            Enum = ["client_id", "-client_id", "joined_at", "-joined_at", "last_seen", "-last_seen"],
            Default = "client_id",
        });
        Describe("offset", "How many to leave out", new()
        {
            Type = JsonSchemaType.Integer,
            Minimum = "0",
            Default = 0,
        });
        Describe("limit", "How many at most", new()
        {
            Type = JsonSchemaType.Integer,
            Minimum = "1",
            Maximum = RosterQuery.MaxLimit.ToString(System.Globalization.CultureInfo.InvariantCulture),
            Default = RosterQuery.MaxLimit,
        });

        void Describe(string name, string description, OpenApiSchema schema)
        {
            var parameter = (OpenApiParameter)roster.Parameters!.Single(parameter => parameter.Name == name);
            parameter.Description = description;
            parameter.Schema = schema;
        }
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
            string reference = $$"""{"$ref":"#/$defs/{{name}}"}""";
            json = json.Replace(reference, definition!.ToJsonString(), StringComparison.Ordinal);
        }
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

        public const string Client = """
            {
              "client_id": "worker-1",
              "role": "worker",
              "state": { "battery": 0.5 },
              "connections": 1,
              "joined_at": "2026-01-01T00:00:00Z",
              "last_seen": "2026-01-01T00:00:10Z"
            }
            """;

        public const string Roster = $$"""{ "members": [{{Client}}], "total": 1 }""";
    }
}
