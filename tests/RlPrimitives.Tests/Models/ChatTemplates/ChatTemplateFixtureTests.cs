using System.Text.Json.Nodes;
using RlPrimitives.Models.ChatTemplates;

namespace RlPrimitives.Tests.Models;

/// <summary>Published templates, rendered as transformers renders them.</summary>
public class ChatTemplateFixtureTests
{
    [SkippableFact]
    public void Published_templates_render_as_transformers_renders_them()
    {
        var recorded = Fixtures.Shared("chat_templates/chat_templates.json");
        var texts = Fixtures.Shared("chat_templates/templates_third_party.json");
        Skip.If(recorded is null || texts is null, "The published templates are not beside this repository.");
        var fixture = JsonNode.Parse(File.ReadAllText(recorded))!;
        var templates = JsonNode.Parse(File.ReadAllText(texts))!;
        var wrong = new List<string>();
        var cases = fixture["cases"]!.AsArray();
        foreach (var one in cases)
        {
            var (name, conversation, mode) = (one!["template"]!.GetValue<string>(), one["conversation"]!.GetValue<string>(), one["mode"]!.GetValue<string>());
            if (mode == "continue_final")
            {
                continue; // not a mode of this renderer: a response is never rendered again
            }

            var described = fixture["templates"]![name]!;
            var variables = new Dictionary<string, JsonNode?>
            {
                ["bos_token"] = described["bos_token"]?.DeepClone(), ["eos_token"] = described["eos_token"]?.DeepClone(), ["date_string"] = "26 Jul 2024",
            };
            string rendered;
            try
            {
                rendered = ChatTemplate.Parse(templates[name]!.GetValue<string>()).Render(
                    (JsonArray)fixture["conversations"]![conversation]!.DeepClone(), one["tools"]!.GetValue<bool>() ? (JsonArray)fixture["tools"]!.DeepClone() : null,
                    mode == "generation_prompt", variables);
            }
            catch (ChatTemplateException e)
            {
                rendered = "error: " + e.Message;
            }

            var expected = one["rendered"]?.GetValue<string>();
            if (expected is null ? !rendered.StartsWith("error: ", StringComparison.Ordinal) : rendered != expected)
            {
                wrong.Add($"{name}/{conversation}/{one["tools"]}/{mode}: expected {one.ToJsonString()}\n got {rendered}");
            }
        }

        Assert.True(wrong.Count == 0, $"{wrong.Count} of {cases.Count}:\n{string.Join("\n\n", wrong.Take(4))}");
    }
}
