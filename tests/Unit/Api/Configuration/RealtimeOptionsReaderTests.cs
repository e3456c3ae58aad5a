using System.Collections;
using System.Reflection;
using System.Text;
using Aether.Api.Configuration;
using Aether.Application;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>That no option is read as less strict than it was written, whichever option it is.</summary>
public sealed class RealtimeOptionsReaderTests
{
    private const string Secret = "a-secret-that-is-long";

    /// <summary>Every single value, as its path below the section.</summary>
    public static TheoryData<string> Scalars => [.. Paths(typeof(RealtimeOptions), "").Where(one => !one.IsList).Select(one => one.Path)];

    public static TheoryData<string> Lists => [.. Paths(typeof(RealtimeOptions), "").Where(one => one.IsList).Select(one => one.Path)];

    public static TheoryData<string> Objects =>
    [
        .. typeof(RealtimeOptions).GetProperties().Where(one => IsObject(one.PropertyType)).Select(one => one.Name),
    ];

    [Theory]
    [MemberData(nameof(Scalars))]
    [MemberData(nameof(Objects))]
    public void Null_IsTheDefault(string path) =>
        Assert.Equal(Dump(Read("{}")), Dump(Read(Json(path, "null"))));

    [Theory]
    [MemberData(nameof(Scalars))]
    public void Scalar_IsRefusedByName_GivenAnObjectOrList(string path)
    {
        AssertNamed(path, Json(path, """{"Seconds":5}"""));
        AssertNamed(path, Json(path, """["5"]"""));
    }

    [Theory]
    [MemberData(nameof(Scalars))]
    public void Scalar_IsRefusedByName_GivenAnEmptyValue_UnlessItIsText(string path)
    {
        if (Paths(typeof(RealtimeOptions), "").Single(one => one.Path == path).Type == typeof(string))
            Assert.Equal(Dump(Read("{}")), Dump(Read(Json(path, "\"\""))));
        else
            AssertNamed(path, Json(path, "\"\""));
    }

    [Theory]
    [MemberData(nameof(Lists))]
    public void List_IsEmpty_GivenNothingInIt(string path)
    {
        foreach (string empty in new[] { "[]", "null", "\"\"", "{}" })
            Assert.Empty((IEnumerable)Value(Read(Json(path, empty)), path)!);
    }

    [Theory]
    [MemberData(nameof(Lists))]
    public void List_IsRefusedByName_GivenATextInItsPlace(string path)
    {
        string error = AssertNamed(path, Json(path, $"\"{Secret}\""));
        Assert.DoesNotContain(Secret, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("AnonymousPermissions")]
    [InlineData("AllowedOrigins")]
    public void List_IsRefusedByName_GivenNullInIt(string path) => AssertNamed(path + ":0", Json(path, "[null]"));

    [Theory]
    [MemberData(nameof(Objects))]
    public void Object_IsRefusedByName_GivenATextInItsPlace(string path) => AssertNamed(path, Json(path, "\"5\""));

    [Fact]
    public void Lists_AreNotSet_GivenThatNobodyWroteThem()
    {
        var options = Read("""{"ApiKeys":[{"Name":"a","Key":"a-secret-that-is-long"}]}""");
        Assert.Null(options.AnonymousPermissions);
        Assert.Null(options.AllowedOrigins);
        Assert.Null(options.ApiKeys.Single().Groups);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"\"")]
    public void Groups_AreEmpty_GivenAnEmptyList(string written) =>
        Assert.Empty(Read("{\"ApiKeys\":[{\"Name\":\"a\",\"Groups\":" + written + "}]}").ApiKeys.Single().Groups!);

    [Theory]
    [InlineData("""{"ApiKeys":[{"Name":"a","Groups":"g1"}]}""", "ApiKeys:0:Groups")]
    [InlineData("""{"ApiKeys":[{"Name":"a","Groups":[null]}]}""", "ApiKeys:0:Groups:0")]
    [InlineData("""{"ApiKeys":[{"Name":"a","Permissions":"admin"}]}""", "ApiKeys:0:Permissions")]
    [InlineData("""{"ApiKeys":[{"Name":"a","Grups":["g1"]}]}""", "ApiKeys:0:Grups")]
    [InlineData("""{"MaxMessageByte":5}""", "MaxMessageByte")]
    [InlineData("""{"KeepAlive":{"Intervall":5}}""", "KeepAlive:Intervall")]
    [InlineData("""{"DuplicateClients":"Allow,Replace"}""", "DuplicateClients")]
    [InlineData("""{"InvalidMessages":"1"}""", "InvalidMessages")]
    [InlineData("""{"Drain":"-5"}""", "Drain")]
    public void Read_NamesTheOption_GivenWhatItDoesNotUnderstand(string json, string path) => AssertNamed(path, json);

    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"Name":"a","Key":null}""")]
    public void Key_IsRefusedByName_GivenNullInItsPlace(string key)
    {
        var options = Read($$"""{"ApiKeys":[{{key}}]}""");
        var result = new RealtimeOptionsValidator().Validate(null, options);
        Assert.Contains(result.Failures!, one => one.StartsWith("Aether:Realtime:ApiKeys:0:Key ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("a-secret-that-is-long\n")]
    [InlineData("a-secret-that-is-long\r\n")]
    [InlineData("a-secret-that-is-long ")]
    [InlineData("\ta-secret-that-is-long")]
    [InlineData(" a-secret-that-is-long")]
    [InlineData("a-secret-\0-that-is-long")]
    [InlineData("a-secret-that-is-long\u00a0")]
    public void Key_IsRefusedByName_GivenWhatNobodyCanShow(string key)
    {
        var options = new RealtimeOptions();
        options.ApiKeys.Add(new ApiKeyOptions { Name = "a", Key = key });
        var result = new RealtimeOptionsValidator().Validate(null, options);
        string failure = Assert.Single(result.Failures!);
        Assert.StartsWith("Aether:Realtime:ApiKeys:0:Key ", failure, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", failure, StringComparison.Ordinal);
    }

    [Fact]
    public void SendQueue_IsRefused_GivenLessThanOneMessage()
    {
        var options = new RealtimeOptions { MaxMessageBytes = 4 * 1024 * 1024 };
        var result = new RealtimeOptionsValidator().Validate(null, options);
        string failure = Assert.Single(result.Failures!);
        Assert.StartsWith("Aether:Realtime:SendQueue:Bytes ", failure, StringComparison.Ordinal);
        Assert.Contains("MaxMessageBytes", failure, StringComparison.Ordinal);
    }

    private static string AssertNamed(string path, string json)
    {
        var error = Assert.Throws<OptionsValidationException>(() => Read(json));
        return Assert.Single(error.Failures, one => one.StartsWith(RealtimeOptions.Section + ":" + path + " ", StringComparison.Ordinal));
    }

    private static RealtimeOptions Read(string json)
    {
        string whole = "{\"Aether\":{\"Realtime\":" + json + "}}";
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(whole));
        var options = new RealtimeOptions();
        RealtimeOptionsReader.Read(
            new ConfigurationBuilder().AddJsonStream(stream).Build().GetSection(RealtimeOptions.Section), options);
        return options;
    }

    private static string Json(string path, string value) => path.Split(':').Reverse().Aggregate(
        value, (inner, name) => "{\"" + name + "\":" + inner + "}");

    private static IEnumerable<(string Path, Type Type, bool IsList)> Paths(Type type, string before)
    {
        foreach (var property in type.GetProperties())
        {
            string path = before + property.Name;
            if (IsObject(property.PropertyType))
            {
                foreach (var one in Paths(property.PropertyType, path + ":"))
                    yield return one;
            }
            else
            {
                yield return (path, property.PropertyType, property.PropertyType.IsAssignableTo(typeof(IEnumerable)) && property.PropertyType != typeof(string));
            }
        }
    }

    private static bool IsObject(Type type) => type.IsClass && type != typeof(string) && !type.IsGenericType;

    private static object? Value(object target, string path) =>
        path.Split(':').Aggregate((object?)target, (one, name) => one!.GetType().GetProperty(name)!.GetValue(one));

    private static string Dump(object? value) => value switch
    {
        null => "null",
        string or ValueType => value.ToString()!,
        IEnumerable many => "[" + string.Join(",", many.Cast<object>().Select(Dump)) + "]",
        _ => string.Join(";", value.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Select(one => one.Name + "=" + Dump(one.GetValue(value)))),
    };
}
