using System.Text.Json.Nodes;
using Microsoft.OpenApi;

namespace Aether.Api.Http;

/// <content>Commands.</content>
internal static partial class OpenApiDescription
{
    private static void CompleteCommands(OpenApiDocument document)
    {
        document.AddComponent("Command", CommandSchema(document));
        var start = Operation(document, HttpApi.CommandsRoute, HttpMethod.Post, "startCommand");
        start.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Description =
                "What is to be done, by whom and how: the payload of command.start, with from_id and id. A field that there is "
                + "none of is refused.",
            Content = new Dictionary<string, OpenApiMediaType>
            {
                [Json] = new OpenApiMediaType
                {
                    Schema = new OpenApiSchemaReference("Command", document),
                    Example = JsonNode.Parse(CommandExamples.Command),
                },
            },
        };
        Example(start, "201", CommandExamples.Started);

        var list = Operation(document, HttpApi.CommandsRoute, HttpMethod.Get, "readCommands");
        Describe(list, "status", "Only commands that are so far", SchemaOf(document, "command_status"));
        DescribePage(list);
        Example(list, "200", CommandExamples.List);

        var read = Operation(document, HttpApi.CommandRoute, HttpMethod.Get, "readCommand");
        Describe(read, "after", "A version: only executions that changed behind it. Without offset and limit", new()
        {
            Type = JsonSchemaType.Integer,
            Minimum = "0",
        });
        Describe(read, "wait", "For how many seconds to wait for another version than after. Without offset and limit", new()
        {
            Type = JsonSchemaType.Integer,
            Minimum = "0",
            Maximum = "30",
            Default = 0,
        });
        DescribePage(read);
        Example(read, "200", CommandExamples.Details);

        var cancel = Operation(document, HttpApi.CommandRoute, HttpMethod.Delete, "cancelCommand");
        Example(cancel, "200", CommandExamples.Canceling);
        var resume = Operation(document, HttpApi.ResumeRoute, HttpMethod.Post, "resumeCommand");
        Example(resume, "200", CommandExamples.Standing);
        var retry = Operation(document, HttpApi.RetryRoute, HttpMethod.Post, "retryCommand");
        retry.RequestBody = new OpenApiRequestBody
        {
            Description = "A name for the new command, and the lease that its giver has to hold, if it has to have them: "
                + "without one that of the command.",
            Content = new Dictionary<string, OpenApiMediaType>
            {
                [Json] = new OpenApiMediaType
                {
                    Schema = ToSchema(document, new JsonObject
                    {
                        ["type"] = "object",
                        ["properties"] = new JsonObject
                        {
                            ["id"] = RequestIdSchema(),
                            ["lease"] = SharedSchema("command")["properties"]!["lease"]!.DeepClone(),
                        },
                        ["additionalProperties"] = false,
                    }.ToJsonString()),
                    Example = JsonNode.Parse(CommandExamples.Retry),
                },
            },
        };
        Example(retry, "201", CommandExamples.Started);
        foreach (var operation in (OpenApiOperation[])[read, cancel, resume, retry])
        {
            Describe(operation, "command_id", "The id of a command of the group", SchemaOf(document, "command_id"));
            operation.Parameters!.OfType<OpenApiParameter>().Single(parameter => parameter.Name == "command_id").Example =
                CommandExamples.Id;
        }
    }

    /// <summary>
    /// The schema that the AsyncAPI document has of what a client gives, with what only the body of a request has.
    /// </summary>
    private static OpenApiSchema CommandSchema(OpenApiDocument document)
    {
        var schema = SharedSchema("command");
        var properties = schema["properties"]!.AsObject();
        properties["from_id"] = new JsonObject
        {
            ["type"] = new JsonArray("string", "null"),
            ["pattern"] = "^[A-Za-z0-9_-]{1,64}$",
            ["default"] = "aether",
            ["description"] = "On whose behalf; members that answer by hand answer to it",
        };
        properties["id"] = RequestIdSchema();
        return ToSchema(document, schema.ToJsonString());
    }

    private static JsonObject RequestIdSchema() => new()
    {
        ["type"] = new JsonArray("string", "null"),
        ["pattern"] = "^[ -~]{1,64}$",
        ["description"] = "The same one again is the same command",
    };

    private static OpenApiSchema SchemaOf(OpenApiDocument document, string name) =>
        ToSchema(document, SharedSchema(name).ToJsonString());

    /// <summary>A schema of the AsyncAPI document, with those put in that it refers to.</summary>
    private static JsonObject SharedSchema(string name)
    {
        var schemas = JsonNode.Parse(Documents.Read("asyncapi.json"))!["components"]!["schemas"]!;
        string json = schemas[name]!.ToJsonString();
        foreach (var (other, schema) in schemas.AsObject())
        {
            string reference = "\"$ref\":\"#/components/schemas/" + other + "\"";
            json = json.Replace(reference, schema!.ToJsonString()[1..^1], StringComparison.Ordinal);
        }
        return JsonNode.Parse(json)!.AsObject();
    }

    /// <summary>What the document shows of commands. The first one can be sent as it is.</summary>
    private static class CommandExamples
    {
        public const string Id = "0198c1f0a3b47c5d8e9fa0b1c2d3e4f5";

        public const string Command = """
            {
              "cmd": "update",
              "payload": { "to": "2.4.1" },
              "role": "worker",
              "attempts": 2,
              "deadline_ms": 600000,
              "id": "job-4711"
            }
            """;

        public const string Retry = """{ "id": "job-4711-again" }""";

        public const string Started = $$"""{ "command_id": "{{Id}}", "targets": 1 }""";

        public const string Standing = $$"""
            {
              "command_id": "{{Id}}",
              "version": 2,
              "status": "in_progress",
              "batch": 1,
              "counts": {{Open}}
            }
            """;

        public const string Canceling = $$"""
            {
              "command_id": "{{Id}}",
              "version": 3,
              "status": "in_progress",
              "reason": "requested",
              "batch": 1,
              "counts": {{Open}}
            }
            """;

        public const string List = $$"""{ "commands": [{ {{Overview}} }], "total": 1 }""";

        public const string Details = $$"""
            {
              {{Overview}},
              "executions": [
                {
                  "client_id": "worker-1",
                  "status": "succeeded",
                  "attempt": 1,
                  "progress": { "part": "plate" },
                  "result": { "version": "2.4.1" },
                  "updated_at": "2026-01-01T00:00:05Z"
                }
              ]
            }
            """;

        private const string Open = """
            {
              "queued": 0,
              "sent": 1,
              "in_progress": 0,
              "succeeded": 0,
              "failed": 0,
              "rejected": 0,
              "timed_out": 0,
              "canceled": 0,
              "undeliverable": 0
            }
            """;

        private const string Overview = $$"""
            "command_id": "{{Id}}",
            "cmd": "update",
            "from_id": "aether",
            "status": "succeeded",
            "batch": 1,
            "counts": {
              "queued": 0,
              "sent": 0,
              "in_progress": 0,
              "succeeded": 1,
              "failed": 0,
              "rejected": 0,
              "timed_out": 0,
              "canceled": 0,
              "undeliverable": 0
            },
            "created_at": "2026-01-01T00:00:00Z",
            "deadline": "2026-01-01T00:10:00Z",
            "ended_at": "2026-01-01T00:00:05Z",
            "version": 5
            """;
    }
}
