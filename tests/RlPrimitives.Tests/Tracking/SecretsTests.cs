using System.Text;
using RlPrimitives.Tests.Models;
using RlPrimitives.Tracking;

namespace RlPrimitives.Tests.Tracking;

public class SecretsTests
{
    [Theory]
    [InlineData("WANDB_API_KEY", true)]
    [InlineData("HF_TOKEN", true)]
    [InlineData("apiKey", true)]
    [InlineData("MLFLOW_TRACKING_PASSWORD", true)]
    [InlineData("AwsSecretAccessKey", true)]
    [InlineData("access-token", true)]
    [InlineData("Authorization", true)]
    [InlineData("MaxNewTokens", false)]
    [InlineData("StopTokenIds", false)]
    [InlineData("eos_token", false)]
    [InlineData("MicroBatchTokens", false)]
    [InlineData("Path", false)]
    [InlineData("KeyBindings", false)]
    public void A_name_says_whether_its_value_is_secret(string name, bool isSecret) => Assert.Equal(isSecret, Scrubber.IsSecretName(name));

    [Theory]
    [InlineData("http://ada:pw@host/x", "http://[secret]@host/x")]
    [InlineData("see https://h/p?run=1&api_key=k123&x=2#f", "see https://h/p?run=1&api_key=[secret]&x=2#f")]
    [InlineData("hf_abcdefghijklmnopqrstuv and hf_short", "[secret] and hf_short")]
    [InlineData("mail a@b.c, 3 tokens", "mail a@b.c, 3 tokens")]
    [InlineData("topsecretvalue!", "[secret]!")]
    public void Text_is_cleaned_of_what_is_known_and_of_passwords_in_addresses(string text, string clean) => Assert.Equal(clean, new Scrubber(["topsecretvalue"]).Clean(text));

    [Fact]
    public void Half_a_surrogate_pair_becomes_a_replacement_character() => Assert.Equal("a\uFFFDb😀", new Scrubber([]).Clean("a\uD83Db😀"));

    [Fact]
    public async Task No_secret_is_in_any_file_of_any_tracker_nor_in_a_report()
    {
        // Whatever name the key has, its value is looked for everywhere: in options, prompts, responses, errors and alarms.
        const string variable = "RLNOTEBOOKS_TEST_API_KEY";
        const string secret = "wb-0123456789abcdef0123456789";
        Environment.SetEnvironmentVariable(variable, secret);
        try
        {
            using var folder = new TemporaryFolder();
            using var server = new MlflowStub();
            var address = new UriBuilder(server.Address) { UserName = "ada", Password = "pass-in-address" }.Uri;
            var config = new TrackingConfig { Folder = folder.Path, UseTensorBoard = true, UseWandb = true, MlflowUri = address, RunName = $"run {secret}" };
            var info = config.NewRun("x", new Dictionary<string, object?>
            {
                ["plain"] = $"say {secret}", ["HF_TOKEN"] = "named-by-its-key", ["nested"] = new Dictionary<string, object?> { ["password"] = "nested-by-its-key", ["list"] = new object?[] { secret } },
                ["server"] = address.ToString(), ["tracking"] = config.ToString(), ["MaxNewTokens"] = 8L,
            });
            await using var run = config.Begin(info);
            run.LogCompletions([Sample.Rows(1)[0] with { Prompt = $"p {secret}", Response = $"r {secret}", Turns = [secret], Error = $"GET http://u:pass-in-address@h failed {secret}" }]);
            run.LogStep(Sample.Step(1) with { Alarms = [new TrackedAlarm("a", secret, secret)] });
            var reports = await run.FinishAsync(new RunOutcome(RunStatus.Failed, DateTimeOffset.Now, $"boom {secret}"));
            Assert.All(reports, r => Assert.Equal((1L, 1L, 0, true), (r.Steps.Written, r.Completions.Written, r.Errors, r.IsClosed)));
            var written = Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories).Select(File.ReadAllBytes).ToList();
            Assert.True(written.Count >= 5, $"{written.Count} files");
            written.Add(Encoding.UTF8.GetBytes(string.Join('\n', Directory.GetFileSystemEntries(folder.Path, "*", SearchOption.AllDirectories))));
            written.AddRange(server.Requests.Select(r => Encoding.UTF8.GetBytes(r.Body.ValueKind == System.Text.Json.JsonValueKind.Undefined ? "" : r.Body.GetRawText())));
            written.AddRange(server.Artifacts.Values.Select(Encoding.UTF8.GetBytes));
            written.AddRange(reports.Select(r => Encoding.UTF8.GetBytes(r.ToString())));
            foreach (var unwanted in new[] { secret, "named-by-its-key", "nested-by-its-key", "pass-in-address" })
            {
                Assert.All(written, bytes => Assert.Equal(-1, bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(unwanted))));
            }

            Assert.Equal(8L, Assert.Single(RecordedRun.Load(run.Folder!).Runs).Config["MaxNewTokens"]);
        }
        finally
        {
            Environment.SetEnvironmentVariable(variable, null);
        }
    }
}
